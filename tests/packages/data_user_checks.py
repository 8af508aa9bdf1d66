"""What must be true of data_user, imported or restored."""

import data_user


def check_lazy():
    import data_lazy

    assert data_user.data_lazy is data_lazy and data_user.jit is data_lazy.jit
    assert data_user.inner.helper is data_user.helper is data_user.table["helper"]
    assert data_user.int64 is data_lazy.int64 and data_user.function() == "int64"
    assert data_user.own.name == "own" and type(data_user.own) is data_lazy.Kind
