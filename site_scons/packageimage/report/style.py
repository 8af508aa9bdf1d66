"""The page's looks: light and dark, wide and narrow."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #5b6470; --line: #dfe3e8;
  --link: #1f5fbf; --good: #1a7f4b; --bad: #b42318;
  --c0: #3b6fb6; --c1: #1f8a70; --c2: #b5651d; --c3: #7a5ab5; --c4: #b0436e; --c5: #4f7d2a;
  --c6: #6b7280; --c7: #0f7c8f; --on: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1c2026; --ink: #e7eaee; --soft: #9aa4b0; --line: #2e343c;
    --link: #7fb0f5; --good: #5cc48d; --bad: #f0877b;
    --c0: #35609c; --c1: #1b735e; --c2: #945419; --c3: #684c9c; --c4: #94395d; --c5: #436b24;
    --c6: #59606b; --c7: #0d6778; --on: #f4f6f8;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 2px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 0 0 4px; }
p { margin: 0 0 12px; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin-top: 16px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px 20px;
  margin: 14px 0 0; }
.facts div { min-width: 0; }
.facts .wide { grid-column: 1 / -1; }
dt { color: var(--soft); font-size: 13px; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.wide dd { font-weight: 400; font-family: ui-monospace, Consolas, monospace; font-size: 13px; }
.tabs { display: flex; flex-wrap: wrap; gap: 6px; margin: 10px 0; }
button { font: inherit; color: inherit; cursor: pointer; }
.tabs button, .path button { background: none; border: 1px solid var(--line); border-radius: 6px;
  padding: 3px 10px; }
.tabs button[aria-pressed=true] { background: var(--c0); border-color: var(--c0);
  color: var(--on); }
.path { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 6px; min-height: 34px;
  margin: 8px 0; }
.path button { border: 0; padding: 2px 4px; color: var(--link); overflow-wrap: anywhere;
  text-align: left; }
.path b { overflow-wrap: anywhere; }
.map { position: relative; width: 100%; height: 460px; border-radius: 6px; overflow: hidden;
  background: var(--line); }
.map button, .map div { position: absolute; margin: 0; padding: 0; border: 1px solid var(--card);
  border-radius: 3px; color: var(--on); text-align: left; overflow: hidden; font-size: 12px;
  line-height: 1.25; }
.map .group { background: var(--fill); }
.map .group > span { position: absolute; top: 0; left: 0; right: 0; padding: 2px 6px;
  font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.map .leaf { background: color-mix(in srgb, var(--fill) 86%, black); border-color: var(--fill); }
.map .leaf > span { display: block; padding: 2px 5px; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; }
.map button:hover, .map button:focus-visible, .map .leaf:hover { outline: 2px solid var(--ink);
  outline-offset: -2px; z-index: 2; }
.said { min-height: 24px; margin: 8px 0 0; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
details { margin-top: 10px; }
summary { cursor: pointer; color: var(--link); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 6px; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 8px 0 0; font-size: 13px; }
.key i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px;
  vertical-align: -1px; }
.lane { position: relative; height: 30px; margin-bottom: 4px; background: var(--page);
  border-radius: 4px; overflow: hidden; }
.lane span { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 3px;
  color: var(--on); font-size: 12px; line-height: 30px; padding-left: 6px; overflow: hidden;
  white-space: nowrap; text-overflow: ellipsis; border-right: 1px solid var(--card); }
.axis { position: relative; height: 22px; font-size: 12px; color: var(--soft); }
.axis span { position: absolute; white-space: nowrap; }
.bars { margin: 12px 0; }
.bars p { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px;
  margin: 10px 0 3px; font-variant-numeric: tabular-nums; }
.bars i { display: block; height: 20px; border-radius: 4px; min-width: 2px; background: var(--c6); }
.bars .best { background: var(--c1); }
svg { display: block; margin: 12px auto 0; max-width: none; }
.narrow { display: none; }
svg text { fill: var(--ink); font: 14px system-ui, sans-serif; }
svg .about { fill: var(--soft); font-size: 12px; }
svg rect { fill: var(--page); stroke: var(--line); }
svg .image rect { stroke: var(--c1); stroke-width: 2; }
svg .missing rect { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 5 4; }
svg path { fill: none; stroke: var(--soft); }
svg marker path { fill: var(--soft); stroke: none; }
footer { margin-top: 24px; font-size: 13px; }
@media (max-width: 560px) {
  main { padding: 16px 12px 32px; }
  .card { padding: 14px 12px; border-radius: 8px; }
  h1 { font-size: 22px; }
  .map { height: 420px; }
  .facts { grid-template-columns: 1fr 1fr; }
  .narrow { display: block; }
  .wide.scroll { display: none; }
  .lane .small { color: transparent; }
}
"""
