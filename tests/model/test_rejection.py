from __future__ import annotations

from packageimage.model.rejection import Rejection, RejectionKind


def test_one_line() -> None:
    rejection = Rejection(
        RejectionKind.FLAGS, "kernels", "/a\nb/x.pki", "opt-level 3", "2", "build it again"
    )
    assert str(rejection) == (
        r"kernels: flags: expected opt-level 3; found 2; build it again [/a\nb/x.pki]"
    )
    assert str(Rejection(RejectionKind.CHECKSUM, "k", "")) == "k: checksum: rejected"


def test_order_is_that_of_the_checks() -> None:
    kinds = sorted(RejectionKind, key=lambda kind: kind.order)
    assert kinds == list(RejectionKind)
    assert RejectionKind.HEADER.order < RejectionKind.FLAGS.order < RejectionKind.CHECKSUM.order
