import a_package_that_nobody_installed

app = a_package_that_nobody_installed.App()
