"""The style sheet of the report page: light and dark, for a phone and for paper; its sha256 is in the page's policy."""

from __future__ import annotations

import base64
import hashlib

from tokkit.render.charts import GRID, INK, MARK, MUTED, PAPER, SERIES

DARK = ("#9aa4ae", "#58a6ff", "#f0883e", "#4ac27d", "#b392f0", "#f778ba", "#d4b62f", "#39c5cf")
"""Colours of the vocabularies in the dark, in the order of `SERIES`."""


def _rules(colours: tuple[str, ...]) -> str:
    """Return the rules that give charts and bars other colours than those they were drawn in."""
    pairs = [*zip(SERIES, colours, strict=True), (INK, "#e6edf3"), (MUTED, "#9da7b1"), (GRID, "#30363d")]
    pairs += [(PAPER, "#161b22"), (MARK, "#ff7b72")]
    fills = "".join(f'svg [fill="{old}"]{{fill:{new}}}svg [stroke="{old}"]{{stroke:{new}}}' for old, new in pairs)
    return fills + "".join(f".c{number}{{fill:{new};color:{new}}}" for number, new in enumerate(colours))


STYLE = (
    """
:root{color-scheme:light dark;--ink:#1f2328;--muted:#59636e;--line:#d9dee4;--paper:#fdfdfe;--ground:#f3f5f8;
--gain:#1a7f37;--loss:#c4232e;--bar:#0b6bcb;--one:#dcebfb;--two:#fbe9d2;--good:#dff3e4;--bad:#fde3e4}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;overflow-wrap:anywhere}
main,header,footer{max-width:1180px;margin:0 auto;padding:0 16px}
h1{font-size:1.9rem;line-height:1.2;margin:1.4rem 0 .2rem}
h2{font-size:1.25rem;margin:0 0 .6rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.3rem 0 .6rem;max-width:75ch}
a{color:var(--bar)}
:focus-visible{outline:3px solid var(--bar);outline-offset:2px}
.lead{font-size:1.05rem;color:var(--muted)}
.lead b{color:var(--ink)}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;padding:0;margin:.6rem 0}
nav a{display:inline-block;padding:.25rem 0}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:18px;margin:0 0 18px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:1rem 0;padding:0}
.tiles div{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:10px 14px}
.tiles dt{color:var(--muted);font-size:.85rem}
.tiles dd{margin:0;font-size:1.35rem;font-weight:600;line-height:1.3}
.tiles small{display:block;font-size:.8rem;font-weight:400;color:var(--muted)}
.verdict{display:inline-block;border-radius:99px;padding:.1rem .8rem;font-weight:600;background:var(--good);color:var(--gain)}
.verdict.broken{background:var(--bad);color:var(--loss)}
.scroll{overflow-x:auto;margin:0 -18px;padding:0 18px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding:0 0 .5rem}
caption span{position:sticky;left:0;display:inline-block;max-width:min(75ch,calc(100vw - 62px))}
th,td{padding:.28rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{vertical-align:bottom;font-size:.85rem;color:var(--muted);font-weight:600}
tbody th{font-weight:400;white-space:nowrap;position:sticky;left:0;background:var(--paper)}
thead th{white-space:nowrap}
.sum th,.sum td{font-weight:600;background:var(--ground)}
.sub th{padding-left:1.4rem;color:var(--muted)}
.n{text-align:right;white-space:nowrap}
.first{border-left:1px solid var(--line)}
.measure{min-width:74px}
.many svg.bar{max-width:84px}
td.measure{white-space:nowrap}
.measure svg.bar{display:block;width:clamp(46px,10vw,130px);height:5px;margin-top:2px}
.gain{color:var(--gain)}.loss{color:var(--loss)}
.key{display:inline-block;width:.7em;height:.7em;margin-right:.35em}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,350px),1fr));gap:18px;margin-top:12px}
figure{margin:0;break-inside:avoid}
figure svg{display:block;width:100%;max-width:520px;height:auto}
.tokens{white-space:pre-wrap;line-height:1.9;word-break:keep-all}
.tokens bdi{background:var(--one);border-radius:3px;padding:.12em .06em;-webkit-box-decoration-break:clone;
box-decoration-break:clone;margin-right:1px;unicode-bidi:isolate}
.tokens bdi:nth-of-type(even){background:var(--two)}
.tokens[dir=rtl]{text-align:right}
code,.tokens.listed,.mono{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace;
font-size:.88em}
.tokens.listed{white-space:normal;word-break:normal}
.listed bdi{display:inline-block;max-width:100%;margin-right:.4em;padding:.12em .3em;line-height:1.5;white-space:pre-wrap}
.scroll+.scroll{margin-top:1.2rem}
.scroll+p{margin-top:.9rem}
.narrow{display:none}
.whole,.whole bdi{white-space:nowrap}
.cut{display:grid;grid-template-columns:minmax(120px,190px) 1fr;gap:.1rem 1rem;padding:.45rem 0;border-top:1px solid var(--line)}
.cut dt{color:var(--muted);font-size:.85rem}
.cut dd{margin:0}
.cut b{display:block;color:var(--ink);font-size:.95rem}
dl{margin:0}
summary{cursor:pointer;padding:.3rem 0;font-weight:600}
details>div{margin-top:.5rem}
.small{font-size:.85rem;color:var(--muted)}
footer{color:var(--muted);font-size:.85rem;padding-bottom:2rem}
@media (max-width:640px){
body{font-size:14px}
section{padding:14px;border-radius:8px}
.scroll{margin:0 -14px;padding:0 14px}
th,td{padding:.26rem .3rem}
.wide{display:none}
.sub th{padding-left:.8rem}
.cut{grid-template-columns:1fr}
.tiles{grid-template-columns:1fr 1fr}
h1{font-size:1.5rem}
.measure{min-width:56px}
thead th,thead th.n{font-size:.66rem;white-space:normal;padding:.26rem .2rem}
thead th.n{max-width:60px}
.narrow{display:inline}
.narrow.fold{display:block;color:var(--muted);font-size:.8rem;font-weight:400}
.folded .measure,.folded .measures{display:none}
.folded th,.folded td{padding:.26rem .16rem}
.folded .sub th{padding-left:.4rem;font-size:.94em}
.folded thead th.n{padding:.26rem .12rem}
.many .pct{display:none}
.many thead th.n{max-width:72px}
thead th{overflow-wrap:break-word}
.stack td:empty{display:none}
.stack thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.stack tr{display:block;border-bottom:1px solid var(--line);padding:.4rem 0}
.stack th,.stack td{display:block;border:0;padding:.05rem 0;text-align:left}
.stack tbody th{font-weight:600;position:static}
.stack td::before{content:attr(data-label) ": ";color:var(--muted);font-size:.85rem}
}
@media print{
:root{--ground:#fff;--paper:#fff}
body{font-size:10.5pt}
main,header,footer{max-width:none}
section{border:0;padding:0;break-inside:auto}
h2,h3,section>p{break-after:avoid;break-inside:avoid}
h2::after,.scroll::before{content:"";display:block;break-inside:avoid}
h2::after{height:11rem;margin-bottom:-11rem}
.scroll::before{height:8rem;margin-bottom:-8rem}
nav{display:none}
tr,.cut,.tiles div{break-inside:avoid}
.scroll{overflow:visible}
tbody th{position:static}
.charts{grid-template-columns:1fr 1fr}
.tokens bdi{print-color-adjust:exact;-webkit-print-color-adjust:exact}
thead{display:table-header-group}
thead,thead tr{break-after:avoid}
.many th,.many td{padding:.2rem .3rem}
.many .measure{min-width:56px}
.many .measure svg.bar{width:48px}
.many thead th{font-size:.75rem}
#plan details::details-content{content-visibility:visible;height:auto}
#plan summary,#sampler details:not([open]){display:none}
.many .sub th{padding-left:1rem}
}
"""
    + "".join(f".c{number}{{fill:{colour};color:{colour}}}" for number, colour in enumerate(SERIES))
    + """
@media screen and (prefers-color-scheme:dark){
:root{--ink:#e6edf3;--muted:#9da7b1;--line:#30363d;--paper:#161b22;--ground:#0d1117;--gain:#4ac26b;--loss:#ff7b72;
--bar:#58a6ff;--one:#173354;--two:#4a3014;--good:#12351f;--bad:#4b1a1d}
"""
    + _rules(DARK)
    + "}\n"
)


def policy() -> str:
    """Return the content security policy: nothing is loaded, run, sent or framed, and this style sheet alone applies."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
