"""The style sheet, and the policy that lets the page load and run nothing but this sheet.

Colours are those that most people with a colour vision deficiency tell apart (Okabe and Ito), made darker or lighter
until letters have a contrast of 4.5 and shapes one of 3 against their ground, in light and dark.
"""

from base64 import b64encode
from hashlib import sha256

from pssh.report.html import glyphs

_RULES = """
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#1a2230;--soft:#566072;--edge:#d9dee6;--grid:#e6e9ef;
--link:#0b5cad;--code:#f1f3f7;--plus:#0a6b35;--plus-ground:#e5f5ec;--minus:#a3281a;--minus-ground:#fcebe8;--mark:#fff;
--ok:#00805d;--failed:#c2410c;--error:#7f1d1d;--lost:#6d28a8;--timed-out:#b0447f;--unreachable:#a16207;
--host-key:#7a6a00;--auth:#8a5a2b;--cancelled:#2f7fb5;--not-run:#6b7280;--skipped:#8a93a3}
@media screen and (prefers-color-scheme:dark){:root{--ground:#0f141b;--card:#171e28;--ink:#e7ecf3;--soft:#a2adbd;
--edge:#2b3645;--grid:#253040;--link:#7db8f5;--code:#10161f;--plus:#6fdc9f;--plus-ground:#12301f;--minus:#ff9d8f;
--minus-ground:#3a1a17;--mark:#171e28;
--ok:#2fbf94;--failed:#ff7d45;--error:#ff5c5c;--lost:#bb8af5;--timed-out:#e58abd;--unreachable:#eab03b;
--host-key:#e3d04c;--auth:#d3a06b;--cancelled:#69b6e8;--not-run:#98a2b3;--skipped:#7d8796}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
footer{padding-bottom:40px;color:var(--soft);font-size:13px}
section,header>div{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:20px;margin:0 0 16px}
h1{font-size:22px;line-height:1.3;margin:0;overflow-wrap:anywhere;white-space:pre-wrap}
h2{font-size:17px;margin:0 0 12px}
h3{font-size:14px;margin:0}
p{margin:0 0 10px;overflow-wrap:anywhere}
code,pre,.mono{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace}
h1 code{font-size:20px;line-height:1.35;font-weight:600}
p code,dd code,li code{background:var(--code);border-radius:4px;padding:1px 4px;overflow-wrap:anywhere}
a{color:var(--link)}
.verdict{display:flex;flex-wrap:wrap;gap:6px 18px;align-items:baseline;margin:10px 0 16px;font-size:17px}
.verdict b{font-size:26px;font-weight:700;letter-spacing:-.01em}
.verdict span{color:var(--soft)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(215px,1fr));gap:12px 20px;margin:18px 0 0}
dt{color:var(--soft);font-size:12.5px}
dd{margin:0;overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:4px 22px;list-style:none;margin:10px 0 0;padding:0}
.legend span+b+span,.soft{color:var(--soft)}
.badge{display:inline-flex;align-items:baseline;gap:6px;white-space:nowrap;font-weight:600}
.badge svg{width:15px;height:15px;flex:none;align-self:center}
.defined{position:absolute}
.stroke,.hatch{fill:none;stroke:var(--mark);stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
.hatch{stroke-width:1.3;stroke-opacity:.55;stroke-linecap:butt}
.pale{opacity:.42}
.plain{fill:var(--link)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:26px 32px}
.charts+.charts{margin-top:26px}
figure{margin:0;min-width:0}
figure svg,header svg[role]{display:block;overflow:visible}
figcaption{color:var(--soft);font-size:12.5px;margin-top:4px}
.said{color:var(--soft);margin:0 0 2px;font-size:13.5px;overflow-wrap:anywhere}
text{fill:var(--soft);font-size:12px}
.scaled{margin-left:44px;width:calc(100% - 44px)}
text.on,text.under{fill:var(--mark);font-size:14px;font-weight:600}
text.under{stroke-width:5px;stroke-linejoin:round}
text.name{fill:var(--ink);white-space:pre}
.axis{stroke:var(--soft);stroke-width:1}
.grid{stroke:var(--grid);stroke-width:1}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);padding:0 0 8px;font-size:13.5px}
th,td{text-align:left;vertical-align:top;padding:7px 14px 7px 0;border-top:1px solid var(--grid);overflow-wrap:anywhere}
thead th{border:0;color:var(--soft);font-size:12.5px;font-weight:600;padding-top:0;overflow-wrap:normal}
tbody th{font-weight:600}
td:last-child,th:last-child{padding-right:0}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.causes .short{white-space:nowrap;width:1%}
.hosts th{min-width:9em}
.hosts td.n,.hosts td.short{width:1%;white-space:nowrap}
.steps th[scope=row]{min-width:8em}
.steps td.wide{width:70%}
.waves th[scope=row]{min-width:5em}
.waves td.wide{width:80%}
.steps svg{display:block;overflow:visible}
.steps .legend{margin-top:4px}
.hint{color:var(--soft)}
.hint::before{content:"\\2192\\00a0"}
details{border-top:1px solid var(--grid);padding:8px 0}
td details,details details{border:0;padding:0}
details .mono,details details>summary{color:var(--soft)}
dl+details{margin-top:16px}
details[open]>summary>code{display:none}
header details:last-child{padding-bottom:0}
section>details:last-child{padding-bottom:0}
summary{cursor:pointer;overflow-wrap:anywhere;list-style-position:outside;margin-left:18px;padding-left:2px}
summary:focus-visible,a:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
summary .badge{margin-right:6px}
summary code{color:var(--soft)}
pre{background:var(--code);border-radius:6px;padding:10px 12px;margin:8px 0 4px;max-height:480px;overflow:auto;
white-space:pre;tab-size:8}
pre ins,pre del,pre i{
display:block;width:max-content;min-width:calc(100% + 24px);
text-decoration:none;font-style:normal;margin:0 -12px;padding:0 12px}
ins{color:var(--plus);background:var(--plus-ground)}
del{color:var(--minus);background:var(--minus-ground)}
pre i{color:var(--soft)}
.rest{color:var(--soft);margin:12px 0 0}
@media (max-width:640px){
body{font-size:15px}
main,header,footer{padding-left:10px;padding-right:10px}
header{padding-top:10px}
section,header>div{padding:16px 14px}
dl{grid-template-columns:1fr 1fr;gap:10px 14px}
dl .wide{grid-column:1/-1}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody,caption{display:block}
tr{display:flex;flex-wrap:wrap;gap:0 14px;border-top:1px solid var(--grid);padding:8px 0}
th,td{border:0;padding:1px 0;display:block}
td:empty{display:none}
.hosts th{flex:1 1 60%;min-width:0}
.n{text-align:left}
.hosts td.n,.hosts td.short,.causes .short{width:auto}
.wide{flex:1 0 100%}
td.n[data-of]::after{content:" " attr(data-of)}
}
@media print{
:root{color-scheme:light;--ground:#fff;--code:#fff}
body{font-size:11px}
code,pre,.mono{font-size:10px}
h1 code{font-size:18px}
section,header>div{border:0;padding:0;margin:0 0 18px}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
figure,tr,.legend{break-inside:avoid}
h2,h3,thead{break-after:avoid}
details::details-content{content-visibility:visible;display:block;height:auto}
summary{list-style:none;margin:0;padding:0}
pre{max-height:none;overflow:visible;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #ccc}
thead{display:table-header-group}
}
"""

SHEET = f"{_RULES.strip()}\n{glyphs.rules()}\n"
# `frame-ancestors` and the like are not heeded in a document; no source is named for anything else.
POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{b64encode(sha256(SHEET.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
