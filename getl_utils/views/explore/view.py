"""A view of results in a notebook: controls, and a picture and a text that follow them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from getl_utils.views import style


class View(widgets.VBox):
    """Controls, a picture and a text that follow them, and other widgets beside the picture.

    Without a kernel (on a page, in an executed notebook) the picture stands in for the view, or the text if
    there is no picture.

    Parameters
    ----------
    name : str
        CSS class of the outermost element.
    controls : dict of str to Widget
        Name and widget of each control.
    draw : callable
        Takes the values of the controls; returns a figure, or None, and HTML. A ValueError is shown in
        their place.
    beside : sequence of widgets
        Shown beside the picture.
    show : callable, optional
        Takes the same values, after the picture is shown; for what is slower.
    note : str
        Printed on the picture.
    width : str
        Of the picture on the page, such as ``"460px"``; empty: its own.
    """

    def __init__(
        self,
        name: str,
        controls: dict[str, widgets.Widget],
        draw: Callable[..., tuple[Figure | None, str]],
        beside: Sequence[Any] = (),
        show: Callable[..., None] | None = None,
        note: str = "",
        width: str = "",
    ):
        self.controls, self.picture, self.facts = controls, widgets.Image(format="png"), widgets.HTML()
        self._draw, self._show, self._note, self._held = draw, show, note, False
        self.picture.layout.flex, self.picture.layout.width = "0 0 auto", width or None
        row = {"flex_flow": "row wrap", "align_items": "flex-start"}
        rows = [widgets.HBox(list(some), layout=row) for some in (controls.values(), [*beside, self.picture])]
        super().__init__([*rows, self.facts])
        self.add_class(name)
        for control in controls.values():
            control.observe(self.refresh, "value")
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Draw what the controls ask for. If that fails, the reason replaces the picture.

        Parameters
        ----------
        _ : object
            The change that a widget reports; not used.
        """
        if self._held:
            return
        values, failed = {name: control.value for name, control in self.controls.items()}, False
        try:
            figure, text = self._draw(**values)
        except ValueError as error:
            figure, text, failed = None, f"<b>{escape(str(error))}</b>", True
        self.picture.value = style.png(figure, self._note) if figure else b""
        self.picture.layout.display = None if figure else "none"
        self.facts.value = text
        if self._show and not failed:
            self._show(**values)

    def set(self, **values: Any) -> None:
        """Set several controls and draw once.

        Parameters
        ----------
        **values : object
            Name and value of each control.
        """
        self._held = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._held = False
        self.refresh()

    def follow(self, space: widgets.Widget, values: Callable[[int], dict[str, Any]]) -> None:
        """Set the controls when a structure is chosen in the 3-D widget.

        Parameters
        ----------
        space : Widget
            The 3-D widget.
        values : callable
            Takes the number of a structure; returns the value of each control.
        """

        def _chosen(change: Any) -> None:
            wanted = values(int(change.new["structure"]))
            if any(self.controls[name].value != value for name, value in wanted.items()):
                self.set(**wanted)

        space.observe(_chosen, "selected_ids")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = "an interactive view: run this notebook to use it"
        if not self.picture.value:
            return bundle | {"text/html": self.facts.value}
        return bundle | {"image/png": base64.b64encode(self.picture.value).decode()}


def control(kind: type, label: str, **options: Any) -> widgets.Widget:
    """Return a dropdown or slider that shows its whole label and acts when it is released.

    Parameters
    ----------
    kind : type
        Class of the widget.
    label : str
        Shown before it.
    **options : object
        Passed to the class.

    Returns
    -------
    Widget
        The control.
    """
    wide = {"style": {"description_width": "initial"}, "layout": {"width": "360px"}}
    calm = {} if kind is widgets.Dropdown else {"continuous_update": False}
    return kind(description=label, **(wide | calm | options))
