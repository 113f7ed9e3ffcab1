// Returns `draw`, run at most once per painted frame however often it is asked for. A
// history of thousands of rows arrives in one burst; measuring and redrawing for each of
// them would freeze the page.
export function oncePerPaint(draw) {
  let scheduled = false;
  return () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      draw();
    });
  };
}
