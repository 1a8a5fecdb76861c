"""A view of results in a notebook: controls, and a picture and a text that follow them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from getl_utils.views import figures


class View(widgets.VBox):
    """Controls, a picture and a text that follow them, and other widgets beside the picture.

    Where there is no kernel (a page, an executed notebook) the picture, or without one the text, stands in
    for the view.

    Parameters
    ----------
    name : CSS class. controls : name → widget. draw : their values → figure, or None, and HTML; a ValueError
    is shown in their
        place. beside : widgets beside the picture. show : called with the values once the picture is there,
        for what is slower.
    note : printed on the picture.
    """

    def __init__(
        self,
        name: str,
        controls: dict[str, widgets.Widget],
        draw: Callable[..., tuple[Figure | None, str]],
        beside: Sequence[Any] = (),
        show: Callable[..., None] | None = None,
        note: str = "",
    ):
        self.controls, self.picture, self.facts = controls, widgets.Image(format="png"), widgets.HTML()
        self._draw, self._show, self._note, self._held = draw, show, note, False
        self.picture.layout.flex = "0 0 auto"
        row = {"flex_flow": "row wrap", "align_items": "flex-start"}
        rows = [widgets.HBox(list(some), layout=row) for some in (controls.values(), [*beside, self.picture])]
        super().__init__([*rows, self.facts])
        self.add_class(name)
        for control in controls.values():
            control.observe(self.refresh, "value")
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Draw what the controls ask for; what cannot be drawn is said, and the old picture goes."""
        if self._held:
            return
        values, failed = {name: control.value for name, control in self.controls.items()}, False
        try:
            figure, text = self._draw(**values)
        except ValueError as error:
            figure, text, failed = None, f"<b>{escape(str(error))}</b>", True
        self.picture.value = figures.png(figure, self._note) if figure else b""
        self.picture.layout.display = None if figure else "none"
        self.facts.value = text
        if self._show and not failed:
            self._show(**values)

    def set(self, **values: Any) -> None:
        """Set several controls and draw once."""
        self._held = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._held = False
        self.refresh()

    def follow(self, space: widgets.Widget, values: Callable[[int], dict[str, Any]]) -> None:
        """Where a structure is chosen in the 3-D widget itself, set the controls to the `values` of its
        number."""

        def chosen(change: Any) -> None:
            wanted = values(int(change.new["structure"]))
            if any(self.controls[name].value != value for name, value in wanted.items()):
                self.set(**wanted)

        space.observe(chosen, "selected_ids")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = "an interactive view: run this notebook to use it"
        if not self.picture.value:
            return bundle | {"text/html": self.facts.value}
        return bundle | {"image/png": base64.b64encode(self.picture.value).decode()}


def control(kind: type, label: str, **options: Any) -> widgets.Widget:
    """A dropdown or slider with its whole label, that acts when it is let go."""
    wide = {"style": {"description_width": "initial"}, "layout": {"width": "360px"}}
    return kind(
        description=label,
        **(wide | ({} if kind is widgets.Dropdown else {"continuous_update": False}) | options),
    )
