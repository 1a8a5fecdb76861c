"""A view of results in a notebook: controls, and a picture and a text that follow them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets


class View(widgets.VBox):
    """Controls, a picture and a text that follow them, and other widgets beside the picture.

    Where there is no kernel (a page, an executed notebook) the picture, or without one the text, stands in for the view.

    Parameters
    ----------
    name : CSS class. controls : name → widget. draw : their values → PNG and HTML; a ValueError is
        shown in their place. beside : widgets beside the picture.
    """

    def __init__(
        self, name: str, controls: dict[str, widgets.Widget], draw: Callable[..., tuple[bytes, str]], beside: Sequence[Any] = ()
    ):
        self.controls, self.picture, self.facts = controls, widgets.Image(format="png"), widgets.HTML()
        self._draw, self._held = draw, False
        rows = [widgets.HBox([*beside, self.picture], layout={"flex_flow": "row wrap"}), self.facts]
        super().__init__([widgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"}), *rows])
        self.add_class(name)
        for control in controls.values():
            control.observe(self.refresh, "value")
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Draw what the controls ask for; what cannot be drawn is said, and the old picture goes."""
        if self._held:
            return
        try:
            picture, text = self._draw(**{name: control.value for name, control in self.controls.items()})
        except ValueError as error:
            picture, text = b"", f"<b>{escape(str(error))}</b>"
        self.picture.value, self.facts.value = picture, text
        self.picture.layout.display = None if picture else "none"

    def set(self, **values: Any) -> None:
        """Set several controls and draw once."""
        self._held = True
        for name, value in values.items():
            self.controls[name].value = value
        self._held = False
        self.refresh()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = "an interactive view: run this notebook to use it"
        if not self.picture.value:
            return bundle | {"text/html": self.facts.value}
        return bundle | {"image/png": base64.b64encode(self.picture.value).decode()}


def control(kind: type, label: str, **options: Any) -> widgets.Widget:
    """A dropdown or slider with its whole label, that acts when it is let go."""
    wide = {"style": {"description_width": "initial"}}
    return kind(description=label, **(wide | ({} if kind is widgets.Dropdown else {"continuous_update": False}) | options))
