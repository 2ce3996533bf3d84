"""Settings: flags before variables before defaults, and no wrong one goes unnoticed."""

from pathlib import Path

import pytest
from conftest import ADMIN, NOW, event
from webtest import TestApp

import streamlined_lite as lite

KEY = "0123456789abcdef"  # as short as an admin key may be


def variables(**settings: str) -> dict[str, str]:
    return {f"STREAMLINED_{name.upper()}": value for name, value in settings.items()}


def refusal(environ=None, **flags) -> str:
    with pytest.raises(lite.ConfigError) as error:
        lite.load_config(environ or {}, flags)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_flag_comes_before_a_variable_and_that_before_the_default():
    assert lite.load_config({}, {}) == lite.Config()
    assert lite.load_config(variables(port="81"), {}).port == 81
    assert lite.load_config(variables(port="81"), {"port": "82"}).port == 82


def test_what_is_no_setting_of_ours_is_left_alone():
    assert (
        lite.load_config({"PATH": "/bin", "STREAMLINE": "x", "streamlined_port": "9"}, {})
        == lite.Config()
    )


SMTP_URL = "smtps://me%40acme.com:pass%3Aword@mail.acme.com"
SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"

# Of each setting: a text and what is read from it.
TEXTS = {
    "database": {":memory:": ":memory:"},
    "host": {"0.0.0.0": "0.0.0.0"},
    "port": {"0": 0, "65535": 65535},
    "public_url": {
        "https://events.example.com": "https://events.example.com",
        "https://events.example.com/": "https://events.example.com",
        "http://[::1]:8080": "http://[::1]:8080",
        "": "",
    },
    "admin_key": {KEY: KEY},
    "admin_key_file": {},
    "time_zone": {"Europe/Berlin": "Europe/Berlin"},
    "connection_limit": {"10": 10},
    "buffer_limit": {"16": 16},
    "idle_timeout": {"1": 1},
    "request_timeout": {"5": 5},
    "read_threads": {"64": 64},
    "backup_folder": {"/var/backups": "/var/backups"},
    "keep_rejections": {"1": 1},
    "keep_rejections_mb": {"100": 100},
    "keep_rejections_days": {"36500": 36_500},
    "log_requests": {"1": True, "false": False, "yes": True},
    "send": {"1": True},
    "smtp_url": {"smtps://me%40acme.com:pass%3Aword@mail.acme.com": SMTP_URL},
    "mail_from": {"reports@acme.com": "reports@acme.com", "Acme <a@acme.com>": "Acme <a@acme.com>"},
    "webhook_secret": {SECRET: SECRET, f"whsec_{SECRET}": f"whsec_{SECRET}"},
    "allow_private_webhooks": {"true": True},
    "fixed_time": {"2026-01-01T00:00:00Z": "2026-01-01T00:00:00Z"},
}


@pytest.mark.parametrize("name", lite.Config.model_fields)
def test_every_setting_is_read_from_its_text(name):
    for text, value in TEXTS[name].items():
        assert getattr(lite.load_config(variables(**{name: text}), {}), name) == value


@pytest.mark.parametrize(
    "name, text",
    [
        ("database", ""),
        ("host", ""),
        ("port", "65536"),
        ("port", "-1"),
        ("port", ""),
        ("port", "http"),
        ("public_url", "events.example.com"),
        ("public_url", "https://a b"),
        ("public_url", "https://example.com/lite"),
        ("public_url", "https://example.com/lite/"),
        ("public_url", "https://example.com?"),
        ("public_url", "https://example.com/?a=b"),
        ("public_url", "https://example.com#top"),
        ("public_url", "https://me@example.com"),
        ("public_url", "https://me:secret@example.com:8080"),
        ("public_url", "https://example.com:port"),
        ("public_url", "https://example.com\n"),
        ("public_url", "https://"),
        ("public_url", "ftp://example.com"),
        ("admin_key", "0123456789abcde"),
        ("admin_key", "with a blank inside"),
        ("admin_key", "schlüssel-schlüssel"),
        ("admin_key_file", "/nowhere/at-all"),
        ("time_zone", ""),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../UTC"),
        ("time_zone", "Europe"),
        ("time_zone", "europe/berlin"),
        ("connection_limit", "9"),
        ("buffer_limit", "15"),
        ("idle_timeout", "0"),
        ("request_timeout", "0"),
        ("read_threads", "0"),
        ("read_threads", "two"),
        ("keep_rejections", "0"),
        ("keep_rejections_mb", "0"),
        ("keep_rejections_days", "0"),
        ("log_requests", "maybe"),
        ("send", "often"),
        ("smtp_url", "mail.acme.com"),
        ("smtp_url", "https://mail.acme.com"),
        ("smtp_url", "smtp://mail.acme.com:0"),
        ("smtp_url", "smtp://mail.acme.com:99999"),
        ("smtp_url", "smtp://me@mail.acme.com"),
        ("smtp_url", "smtp://me:secret\x00@mail.acme.com"),
        ("smtp_url", "smtp://me:secret%0d@mail.acme.com"),
        ("smtp_url", "smtp://me:se#cret@mail.acme.com"),
        ("smtp_url", "smtp://mail.acme.com?tls=off"),
        ("smtp_url", "smtps://localhost?tls=off"),
        ("mail_from", "Acme"),
        ("mail_from", "Acme <reports@acme.com"),
        ("mail_from", "a@acme.com, b@acme.com"),
        ("mail_from", "Acme\nBcc: x@y.z <reports@acme.com>"),
        ("webhook_secret", "secret"),
        ("webhook_secret", "c2hvcnQ="),
        ("allow_private_webhooks", "some"),
        ("fixed_time", "noon"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_setting(name, text):
    assert f"wrong setting {lite.setting_name(name)}: " in refusal(variables(**{name: text}))
    assert f"wrong setting {lite.setting_name(name)}: " in refusal(**{name: text})


def test_a_setting_is_named_by_its_flag_and_its_variable():
    assert lite.setting_name("idle_timeout") == "--idle-timeout (STREAMLINED_IDLE_TIMEOUT)"
    assert lite.setting_name("admin_key") == "STREAMLINED_ADMIN_KEY"  # which has no flag


def test_every_wrong_setting_is_named_at_once():
    message = refusal(
        variables(
            port="x",
            time_zone="Mars",
            admin_key="short",
            admin_key_file="/nowhere",
            read_threads="0",
        ),
        host="",
    )
    assert all(
        f"{lite.setting_name(name)}: " in message
        for name in ("port", "time_zone", "admin_key", "admin_key_file", "read_threads", "host")
    )


def test_no_message_repeats_an_admin_key(tmp_path):
    (tmp_path / "key").write_text("short-secret", "utf-8")
    assert "short-secret" not in refusal(variables(admin_key="short-secret", port="x"))
    assert "short-secret" not in refusal(admin_key_file=str(tmp_path / "key"))
    assert KEY not in repr(lite.Config(admin_key=KEY))
    told = repr(lite.Config(smtp_url=SMTP_URL, webhook_secret=SECRET))
    assert "pass" not in told and SECRET not in told
    assert "word" not in repr(lite.read_smtp_url(SMTP_URL))
    for wrong in ("smtp://me:secret@mail.acme.com:port", "smtp://secret@host"):
        assert "secret" not in refusal(variables(smtp_url=wrong))
    assert "c2hvcnQ" not in refusal(variables(webhook_secret="c2hvcnQ="))


def test_an_unknown_variable_fails_and_the_known_ones_are_named():
    message = refusal(variables(prot="81", tiemzone="UTC"))
    assert "unknown setting STREAMLINED_PROT, STREAMLINED_TIEMZONE" in message
    assert all(f"STREAMLINED_{name.upper()}" in message for name in lite.Config.model_fields)


def test_the_admin_key_may_stand_in_a_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(f"  {KEY}\n", "utf-8")
    assert lite.load_config({}, {"admin_key_file": str(path)}).admin_key == KEY
    assert (
        lite.load_config(variables(admin_key=ADMIN), {"admin_key_file": str(path)}).admin_key == KEY
    )


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "cannot read"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "cannot read"),
        (b"0123456789abcde\n", "16 characters"),
    ],
)
def test_a_file_without_a_good_admin_key_is_refused(tmp_path, content, said):
    path = tmp_path / "key"
    path.mkdir() if content is None else path.write_bytes(content)
    assert said in refusal(admin_key_file=str(path))


@pytest.mark.parametrize(
    "configured, sent, status",
    [(KEY, KEY, 200), (KEY, ADMIN, 401), ("", "", 401), ("", " ", 401), ("", ADMIN, 401)],
)
def test_only_the_admin_key_of_the_configuration_works(configured, sent, status):
    app = lite.create_app(lite.Config(database=":memory:", admin_key=configured))
    assert (
        TestApp(app).get("/keys/v1", headers={"X-API-Key": sent}, expect_errors=True).status_int
        == status
    )
    app.close()


def test_a_configuration_cannot_be_changed_or_hold_unknown_settings():
    with pytest.raises(ValueError):
        lite.Config().port = 1
    with pytest.raises(ValueError):
        lite.Config(prot=1)


def test_to_a_library_a_wrong_setting_is_named_as_python_names_it():
    with pytest.raises(lite.ConfigError) as error:
        lite.Config(port=99_999, time_zone="Mars", admin_key="short-secret", prot=1)
    message = str(error.value)
    assert (
        isinstance(error.value, ValueError)
        and "\n" not in message
        and "STREAMLINED" not in message
        and "--" not in message
        and "short-secret" not in message
    )
    assert message.startswith("wrong setting ") and all(
        f"{name}: " in message for name in ("port", "time_zone", "admin_key", "prot")
    )


@pytest.mark.parametrize(
    "settings, clock, now",
    [
        ({"fixed_time": "2026-01-01T00:00:00Z"}, None, NOW),
        ({"fixed_time": "2026-01-01"}, lambda: NOW + 5, NOW + 5),
    ],
)
def test_time_stands_still_where_it_is_fixed_unless_a_clock_is_given(settings, clock, now):
    app = lite.create_app(lite.Config(database=":memory:", admin_key=KEY, **settings), clock)
    for _ in range(2):
        stored = (
            TestApp(app)
            .post_json("/events/ingestion/v1", event(), headers={"X-API-Key": KEY})
            .json["event"]
        )
        assert stored["timestamp"] == stored["received_at"] == lite.iso(now)
    app.close()


@pytest.mark.parametrize(
    "name, valid",
    [
        ("UTC", True),
        ("America/New_York", True),
        ("", False),
        ("/etc/passwd", False),
        ("a\0b", False),
        ("America", False),
        ("X" * 5000, False),
        ("Factory", False),
    ],
)
def test_time_zones_are_those_of_iana(name, valid):
    assert lite.is_time_zone(name) is valid


@pytest.fixture
def system_zones(tmp_path):
    """The zones of a system: beside those of IANA it has other files."""
    zone = (Path(lite.tzdata.__file__).parent / "zoneinfo" / "UTC").read_bytes()
    for name in ("Europe/Berlin", "localtime", "posixrules", "posix/UTC", "right/UTC"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(zone)
    lite.is_time_zone.cache_clear()
    lite.zoneinfo.reset_tzpath(to=(str(tmp_path),))
    yield
    lite.zoneinfo.reset_tzpath(to=())
    lite.is_time_zone.cache_clear()


@pytest.mark.usefixtures("system_zones")
def test_a_file_of_the_systems_zones_that_no_other_computer_has_is_no_zone():
    assert lite.is_time_zone("Europe/Berlin")
    for name in ("localtime", "posixrules", "posix/UTC", "right/UTC"):
        assert lite.ZoneInfo(name), name
        assert not lite.is_time_zone(name), name
