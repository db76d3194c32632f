"""What scripts that check many things say when one is wrong."""


def equal(what: str, got, wanted) -> None:
    assert got == wanted, f"{what}: {got!r}, and should be {wanted!r}"


def refused(what: str, error: type[Exception], call, *args, **kwargs) -> None:
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{what} went through")
