import io

from rich.console import Console

from bundler.builder.cli.bars import Bars


def test_bars_on_a_terminal_do_not_read_markup_in_names() -> None:
    out = io.StringIO()
    bars = Bars(Console(file=out, force_terminal=True, width=100))
    bars.begin("images")
    bars.line("[bold]a[/nonsense] line")
    transfer = bars.transfer("[red]layer[/nonsense]", 100)
    transfer.advance(50)
    transfer.close()
    bars.close()
    assert "[bold]a[/nonsense] line" in out.getvalue()
