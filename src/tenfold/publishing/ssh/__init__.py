"""A directory on a machine that one reaches by ssh, as any web server serves one."""
