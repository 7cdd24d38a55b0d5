"""Settings that secure Kafka: values in any case, and what each login needs."""

import pytest

from streams.errors import ConfigError
from streams.settings import load_settings

KEY = {"KLAVIYO_API_KEY": "pk_secret"}


def _load(**settings: str) -> object:
    return load_settings(
        KEY | {f"KLAVIYO_STREAMS_KAFKA_{n.upper()}": v for n, v in settings.items()}
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("sasl_ssl", "SASL_SSL", id="lower"),
        pytest.param("Sasl_Plaintext", "SASL_PLAINTEXT", id="mixed"),
        pytest.param(" SASL_SSL ", "SASL_SSL", id="spaces"),
    ],
)
def test_choices_are_taken_in_any_case(written: str, expected: str) -> None:
    """Other clients of Kafka write them in either case."""
    settings = load_settings(
        {
            **KEY,
            "KLAVIYO_STREAMS_KAFKA_SECURITY_PROTOCOL": written,
            "KLAVIYO_STREAMS_KAFKA_SASL_MECHANISM": "scram-sha-256",
            "KLAVIYO_STREAMS_KAFKA_SASL_USERNAME": "u",
            "KLAVIYO_STREAMS_KAFKA_SASL_PASSWORD": "p",
            "KLAVIYO_STREAMS_LANES": "Lists,EVENTS",
        }
    )

    assert settings.kafka_security_protocol == expected
    assert settings.kafka_sasl_mechanism == "SCRAM-SHA-256"
    assert settings.lanes == ("lists", "events")


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        pytest.param(
            {"security_protocol": "TLS"},
            ["'TLS' is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"],
            id="unknown-protocol",
        ),
        pytest.param(
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "oauthbearer"},
            [
                "kafka_oauth_token_url: is needed by OAUTHBEARER",
                "kafka_oauth_client_id: is needed by OAUTHBEARER",
                "kafka_oauth_client_secret: is needed by OAUTHBEARER",
            ],
            id="oauth-without-a-client",
        ),
        pytest.param(
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "aws_msk_iam"},
            ["kafka_msk_region: is needed by AWS_MSK_IAM"],
            id="msk-without-a-region",
        ),
        pytest.param(
            {"security_protocol": "SSL", "ssl_certfile": __file__},
            ["kafka_ssl_keyfile: is needed by a client certificate"],
            id="certificate-without-a-key",
        ),
        pytest.param(
            {"ssl_certfile": __file__, "ssl_keyfile": __file__},
            ["_KAFKA_SSL_CERTFILE: needs TLS: set kafka_security_protocol to SSL"],
            id="certificate-without-tls",
        ),
        pytest.param(
            {"oauth_token_url": "https://me:secret@login.example/token"},
            ["_KAFKA_OAUTH_TOKEN_URL: holds credentials; set kafka_oauth_client_id"],
            id="credentials-in-the-address",
        ),
        pytest.param(
            {"oauth_extensions": "auth=x"},
            ["_KAFKA_OAUTH_EXTENSIONS: 'auth' is not a name of letters"],
            id="extension-name",
        ),
    ],
)
def test_a_login_that_lacks_something_is_refused(
    settings: dict[str, str], problems: list[str]
) -> None:
    """Each line names the setting and what it needs."""
    with pytest.raises(ConfigError) as caught:
        _load(**settings)

    assert len(caught.value.problems) == len(problems)
    for line, expected in zip(caught.value.problems, problems, strict=True):
        assert expected in line
        assert "me:secret" not in line
