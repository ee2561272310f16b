"""`:doctor` shows what may go wrong (docs/design/terminal.md 11.15)."""

from swarm_testkit.dashboard import running
from swarm_tui.dialogs.help import Help


async def test_the_doctor_is_a_command(cluster):
    """The cluster's findings and this machine's, each with what to do, and esc leads back."""
    async with running(cluster, size=(140, 60)) as run:
        await run.press("colon")
        await run.type("doctor")
        await run.press("enter")
        await run.until(lambda: isinstance(run.app.screen, Help))
        await run.shows("the cluster")
        await run.shows("--limit-memory")
        assert "managers" in run.text
        await run.press("end")
        await run.shows("this machine")
        await run.press("escape")
        assert len(run.app.screen_stack) == 1
