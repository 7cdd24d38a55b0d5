"""Tokens for Amazon MSK: signed with AWS credentials, without a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from agents.engine.access.tokens import Token, TokenError


@dataclass(frozen=True, slots=True)
class MskLogin:
    """AWS credentials from the usual places, for a cluster in a region."""

    region: str

    @property
    def extensions(self) -> Mapping[str, str]:
        """Return no SASL extension: MSK knows none."""
        return {}

    def fetch(self, now_s: float) -> Token:  # noqa: ARG002 - the signer reads the clock
        """Sign a new token, good for 15 minutes.

        Raises:
            TokenError: The extra `msk` is not installed, or there are no credentials.
        """
        try:
            signer = import_module("aws_msk_iam_sasl_signer.MSKAuthTokenProvider")
        except ImportError:
            problem = "AWS_MSK_IAM needs the extra msk"
            fix = "pip install 'klaviyo-streams[msk]'"
            raise TokenError([f"kafka_sasl_mechanism: {problem}; {fix}"]) from None
        try:
            text, expires_at_ms = signer.generate_auth_token(self.region)
        except Exception as fault:  # noqa: BLE001 - botocore's errors have no common base
            problem = (
                f"no AWS credentials to sign a token with ({type(fault).__name__})"
            )
            fix = "give this process an IAM role, or AWS_* variables"
            raise TokenError([f"kafka_sasl_mechanism: {problem}; {fix}"]) from None
        return Token(str(text), expires_at_ms / 1000)
