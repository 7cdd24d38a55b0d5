"""Settings of the way to Klaviyo: each mistake is told, and no secret with it."""

import pytest

from streams.errors import ConfigError
from streams.settings import load_settings

_KEY = {"KLAVIYO_API_KEY": "pk_secret"}
_PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        pytest.param(
            {"klaviyo_proxy": "proxy:3128"},
            "KLAVIYO_STREAMS_KLAVIYO_PROXY: not an http or https address, "
            "nor `environment`",
            id="no-scheme",
        ),
        pytest.param(
            {"klaviyo_proxy": "http://me:s3cret@proxy:3128"},
            "KLAVIYO_STREAMS_KLAVIYO_PROXY: holds credentials; put them into "
            "klaviyo_proxy_credentials_file",
            id="credentials-in-the-url",
        ),
        pytest.param(
            {"klaviyo_proxy": _PROXY, "klaviyo_proxy_credentials": "s3cret"},
            "KLAVIYO_STREAMS_KLAVIYO_PROXY_CREDENTIALS: not user:password",
            id="no-user",
        ),
        pytest.param(
            {"klaviyo_proxy_credentials": "me:s3cret"},
            "KLAVIYO_STREAMS_KLAVIYO_PROXY_CREDENTIALS: needs klaviyo_proxy",
            id="no-proxy",
        ),
        pytest.param(
            {"klaviyo_source_address": "eth0"},
            "KLAVIYO_STREAMS_KLAVIYO_SOURCE_ADDRESS: not an IP address",
            id="no-address",
        ),
        pytest.param(
            {"klaviyo_ca_file": "/no/such/ca.pem"},
            "KLAVIYO_STREAMS_KLAVIYO_CA_FILE: no such file",
            id="no-file",
        ),
    ],
)
def test_a_mistake_is_told(values: dict[str, str], problem: str) -> None:
    """One line names the variable and the fix."""
    environ = {f"KLAVIYO_STREAMS_{name.upper()}": text for name, text in values.items()}

    with pytest.raises(ConfigError) as error:
        load_settings(_KEY | environ)

    assert error.value.problems == (problem,)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("proxy", [_PROXY, "https://proxy", "environment"])
def test_a_proxy_is_accepted(proxy: str) -> None:
    """A proxy has a URL without credentials, or is that of the environment."""
    settings = load_settings(_KEY | {"KLAVIYO_STREAMS_KLAVIYO_PROXY": proxy})

    assert settings.klaviyo_proxy == proxy
