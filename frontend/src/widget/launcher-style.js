// The launcher's and the panel's looks, as a constructed sheet: a page's style-src does not concern it.
const CSS = `
:host { all: initial; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.launch { position: fixed; inset-inline-end: 20px; bottom: 20px; z-index: 2147483000; display: flex; align-items: center; gap: 8px;
  height: 52px; margin: 0; padding: 0 20px 0 16px; border: 0; border-radius: 26px; background: var(--brand); color: var(--on-brand);
  font: 600 15px/1.5 "Inter Variable", Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; cursor: pointer;
  box-shadow: 0 6px 20px -4px #00000059; }
.launch:hover { filter: brightness(1.08); }
.launch:focus-visible { outline: 2px solid var(--brand); outline-offset: 3px; }
svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
b { display: grid; place-items: center; min-width: 20px; height: 20px; padding: 0 6px; border-radius: 10px; background: var(--on-brand);
  color: var(--brand); font-size: 12px; }
.panel { position: fixed; inset-inline-end: 20px; bottom: 20px; z-index: 2147483000; width: 384px; height: min(640px, calc(100vh - 40px));
  overflow: hidden; border-radius: 16px; background: var(--ground); animation: rise .16s ease-out;
  box-shadow: 0 0 0 1px var(--edge), 0 16px 48px -12px #00000066; }
iframe { display: block; width: 100%; height: 100%; border: 0; color-scheme: normal; }
@keyframes rise { from { opacity: 0; transform: translateY(12px); } }
@media (max-width: 30rem) {
  .launch { inset-inline-end: 16px; bottom: 16px; }
  .panel { inset: 0; width: 100%; height: 100%; border-radius: 0; }
}
@media (prefers-reduced-motion: reduce) { .panel { animation: none; } }
@media print { :host { display: none; } }
`;

const COLOUR = /^#[0-9a-f]{6}$/;

/** @param {{light: string, on_light: string, dark: string, on_dark: string}} colours #rrggbb each */
export function sheet(colours) {
  const safe = Object.fromEntries(Object.entries(colours).map(([name, value]) => [name, COLOUR.test(value) ? value : '#0b7268']));
  const made = new CSSStyleSheet();
  made.replaceSync(`${CSS}
:host { --brand: ${safe.light}; --on-brand: ${safe.on_light}; --ground: #fff; --edge: #0000001a; }
@media (prefers-color-scheme: dark) { :host { --brand: ${safe.dark}; --on-brand: ${safe.on_dark}; --ground: #171a1b; --edge: #ffffff1f; } }`);
  return made;
}
