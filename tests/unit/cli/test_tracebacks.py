from tenfold.cli.tracebacks import shorten

TEXT = """The app raised while it answered the probe

Traceback (most recent call last):
  File "/srv/x/.tenfold/envs/ab/lib/python3.11/site-packages/starlette/routing.py", line 683, in x
    await self.middleware_stack(scope, receive, send)
  File "/srv/x/.tenfold/envs/ab/lib/python3.11/site-packages/fastapi/routing.py", line 161, in app
    response = await f(request)
               ^^^^^^^^^^^^^^^^
  File "/srv/x/.tenfold/releases/4f2c1d9/app/bakery/views.py", line 41, in home
    return render({"slug": bread.slg})
                           ^^^^^^^^^
AttributeError: 'Bread' object has no attribute 'slg'

last lines of its log:
  an indented line of the log"""


def test_library_frames_are_folded_and_the_app_s_are_relative() -> None:
    assert (
        shorten(TEXT)
        == """The app raised while it answered the probe

Traceback (most recent call last):
  ... 2 frames of libraries
  File "bakery/views.py", line 41, in home
    return render({"slug": bread.slg})
                           ^^^^^^^^^
AttributeError: 'Bread' object has no attribute 'slg'

last lines of its log:
  an indented line of the log"""
    )


def test_an_error_right_behind_library_frames_is_kept() -> None:
    text = """Traceback (most recent call last):
  File "/srv/x/.tenfold/releases/r/app/a.py", line 1, in <module>
    connect()
  File "/srv/lib/python3.11/site-packages/db.py", line 9, in connect
    raise Refused
Refused: no"""
    assert shorten(text).splitlines()[-2:] == ["  ... 1 frame of libraries", "Refused: no"]


def test_a_traceback_of_libraries_alone_stays_whole() -> None:
    text = '  File "/usr/lib/python3.11/a.py", line 1, in b\n    c()\nValueError: x'
    assert shorten(text) == text


def test_text_without_a_traceback_stays_as_it_is() -> None:
    assert shorten("initdb: error: cannot be run as root") == "initdb: error: cannot be run as root"
