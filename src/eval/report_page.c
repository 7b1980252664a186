/* The page around charts and tables: style sheet, heading, escaped text. See report.h. */
#include <string.h>

#include "base/clock.h"
#include "eval/report.h"

static const char style[] =
    ":root{--bg:#fbfaf8;--card:#fff;--ink:#1f2328;--dim:#667;--line:#e3e1dc;--s1:#2b6cb0;--s2:#c05621;--s3:#2f855a;"
    "--s4:#6b46c1;--s5:#b7791f;--s6:#c53030;--s7:#0b8a94;--s8:#8b5e3c}"
    "@media(prefers-color-scheme:dark){:root{--bg:#16181c;--card:#1e2127;--ink:#e6e6e6;--dim:#9aa;--line:#343841;"
    "--s1:#63a4e8;--s2:#f0975a;--s3:#5bbd8a;--s4:#a78bea;--s5:#e0b050;--s6:#ef7b7b;--s7:#4ccbd6;--s8:#c79a76}}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;margin:0 0 2px}"
    "h2{font-size:18px;margin:34px 0 10px}p.dim,.dim{color:var(--dim)}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:18px 0}"
    ".tile,figure,.card{background:var(--card);border:1px solid var(--line);border-radius:8px}"
    ".tile{padding:10px 14px}.tile b{display:block;font-size:21px;font-weight:600}.tile "
    "span{color:var(--dim);font-size:13px}"
    ".wide{white-space:nowrap}.narrow{max-width:560px}.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax("
    "320px,1fr));gap:14px}"
    "figure{margin:0;padding:10px "
    "12px}figcaption{font-weight:600;margin-bottom:4px}svg{width:100%;height:auto;display:block}"
    "svg text{fill:var(--dim);font:11px system-ui,sans-serif}.axis{stroke:var(--line);stroke-width:1}"
    ".s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}.s5{--c:var(--s5)}.s6{--c:var(--s6)}"
    ".s7{--c:var(--s7)}.s8{--c:var(--s8)}.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}"
    ".dash{stroke-dasharray:5 4;stroke-width:1.5}.dot,svg text.far{fill:var(--c)}.pin{stroke:var(--card);"
    "stroke-width:.8}svg "
    "text.far{font-size:9px}.mark{stroke:var(--ink);stroke-width:1.5}"
    ".key{font-size:12px;color:var(--dim)}.key b{font-weight:400;white-space:nowrap}.key i{"
    "display:inline-block;width:14px;height:3px;margin:0 5px 3px 10px;background:var(--c)}"
    "figure svg{overflow:visible}figcaption "
    ".key{display:block;margin-left:-10px}.look{display:inline-block;width:24px;height:10px;"
    "margin:0 4px 0 10px}td "
    ".look{margin-left:0}.pair{grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));align-items:start}"
    ".full{box-sizing:border-box;width:max-content;min-width:100%;max-width:calc(100vw - "
    "40px);margin-left:50%;transform:translateX(-50%)}.full th{position:sticky;left:0;background:var(--card)}"
    "table{border-collapse:collapse;width:100%}.card{padding:4px 14px;overflow-x:auto}"
    "td,th{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}"
    "tr:last-child td,tr:last-child "
    "th{border-bottom:0}th{color:var(--dim);font-weight:500}td.n,th.n{text-align:right}code{font-size:13px}"
    ".warn{border-left:4px solid var(--s6);padding:8px 14px;margin:14px 0}.warn ul{margin:0;padding-left:18px}"
    "@media print{main{max-width:none;padding:0}.grid,.pair{grid-template-columns:1fr 1fr}.card{overflow:visible}.card "
    "table{font-size:9px}h2{break-after:avoid}.full "
    ".wide{white-space:normal}.full,.full th{position:static;width:auto;transform:none;margin:0}figure,tr{break-inside:"
    "avoid}}";

void imx_html_text(struct imx_text *t, const char *s)
{
    for (size_t left = strlen(s); left;) {
        const int len = imx_utf8_length(s, left);
        if (*s == '<')
            imx_text_put(t, "&lt;");
        else if (*s == '>')
            imx_text_put(t, "&gt;");
        else if (*s == '&')
            imx_text_put(t, "&amp;");
        else if (*s == '"')
            imx_text_put(t, "&quot;");
        else if (len)
            imx_text_add(t, s, (size_t)len);
        else
            imx_text_put(t, "\xEF\xBF\xBD");
        s += len ? len : 1;
        left -= len ? (size_t)len : 1;
    }
}

void imx_page_begin(struct imx_text *t, const char *title, const char *about)
{
    char now[32];
    imx_wall_text(now);
    imx_text_put(t, "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport "
                    "content=\"width=device-width\"><title>infomax: ");
    imx_html_text(t, title);
    imx_text_printf(t, "</title>\n<style>%s</style>\n<main><h1>", style);
    imx_html_text(t, title);
    imx_text_put(t, "</h1><p class=dim>");
    imx_html_text(t, about);
    imx_text_printf(t, " of %s</p>\n", now);
}

imx_status imx_page_end(struct imx_text *t)
{
    imx_text_put(t, "</main></html>\n");
    return imx_text_check(t);
}
