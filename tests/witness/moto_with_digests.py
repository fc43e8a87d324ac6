"""moto's server, which signs a digest as AWS KMS does.

moto ignores `MessageType: DIGEST` and hashes the digest once more (its models.py says so). AWS: "To indicate that the
message is a message digest, enter DIGEST. AWS KMS skips the hashing step in the signing algorithm."
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms import responses, utils
from moto.server import main

ANSWER = responses.KmsResponse.sign


def sign(self):
    kind = self._get_param("MessageType")
    assert kind == "DIGEST", kind
    return ANSWER(self)


def signed(self, message, signing_algorithm):
    assert len(message) == 32, len(message)
    return self.private_key.sign(message, ec.ECDSA(Prehashed(hashes.SHA256())))


responses.KmsResponse.sign = sign
utils.ECDSAPrivateKey.sign = signed

if __name__ == "__main__":
    main()
