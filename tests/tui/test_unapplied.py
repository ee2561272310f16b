"""A key that does not work on what is selected says on what it does."""

import pytest
from swarm_testkit.dashboard import running


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["2", "s"], "“scale” works on services, not on nodes."),
        (["2", "K"], "“crashes” works on services and tasks, not on nodes."),
        (["4", "ctrl+d"], "“remove” works on nodes, services, stacks, networks,"),
        (["3", "d", "s"], "“scale” works in lists: esc leads back to one."),
    ],
)
async def test_a_key_never_goes_unanswered(cluster, keys, said):
    """Whoever presses it reads why nothing happens."""
    async with running(cluster) as run:
        await run.press(*keys)
        await run.shows(said)


async def test_keys_that_work_are_not_commented_on(cluster):
    """Going about, typing and going back say nothing."""
    async with running(cluster) as run:
        await run.press("colon", *"services", "enter")
        await run.press(
            "3",
            "down",
            "enter",
            "w",
            "escape",
            "escape",
            "slash",
            *"web",
            "enter",
            "escape",
            "1",
            "tab",
            "escape",
        )
        await run.shows("In motion")
        assert "nothing to do" not in run.text
        assert "works" not in run.text


async def test_from_why_to_what_it_wrote(cluster):
    """The logs of what a text is about are one key away."""
    async with running(cluster) as run:
        await run.press("3", "w", "p")
        await run.shows("ended attempts")
        await run.press("escape", "escape", "d", "l")
        await run.shows("Logs · api")
