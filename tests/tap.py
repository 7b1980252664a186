"""The Test Anything Protocol for tests in Python, as tap.h is for those in C."""
_run = _failed = 0


def ok(good, text, why=''):
    """One case, right or not; why: what to tell of it when it is not. Returns good."""
    global _run, _failed
    _run += 1
    _failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', _run, text.replace('\n', ' | ')), flush=True)
    if not good and why:
        print('# ' + str(why).replace('\n', '\n# '), flush=True)
    return good


def skip(what, reason):
    global _run
    _run += 1
    print('ok %d - %s # SKIP %s' % (_run, what, reason), flush=True)


def failures():
    return _failed


def plan():
    """Says how many cases there were. Returns the exit status."""
    print('1..%d' % _run)
    return 1 if _failed else 0
