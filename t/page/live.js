// The page behind the gateway, with the bundled backend: an image that is
// read, and the rows of the sheet "Invoices".
//
//   node t/page/live.js CHROMIUM ORIGIN KEY [FOLDER-FOR-SCREENSHOTS]
//
// Prints "ok NAME" or "not ok NAME" for each check, and "done" at the end.

'use strict';

const path = require('path');
const { Browser, Page } = require('./browser.js');

const [, , program, origin, key, shots = 'build/page'] = process.argv;
const IMAGE = path.resolve('backend/samples/invoice-photo.jpg');
const one = (selector) => `document.querySelector(${JSON.stringify(selector)})`;
const LIT = `[...document.querySelectorAll('polygon.lit')]`;

let browser, page;

function check(name, ok, saw) {
    console.log((ok ? 'ok ' : 'not ok ') + name);

    if (!ok) {
        console.log('# saw: ' + JSON.stringify(saw));
    }
}

const field = (view, name) => `[...document.querySelectorAll('${view}`
    + ` button.field')].find((b) => b.querySelector('.field-name')`
    + `.textContent === '${name}')`;

async function lights(view, name, value) {
    await page.until(`!!${field(view, name)}`);
    await page.move(field(view, name));

    const saw = await page.eval(`[${LIT}.length,
        ${field(view, name)}.querySelector('.field-value').textContent,
        ${one(view + ' .tag')}?.textContent]`);

    check(view + ': the box of ' + name + ' lights up, with its match ratio',
          saw[0] === 1 && saw[1] === value && / %/.test(saw[2]), saw);
}

async function read() {
    await page.goto(origin + '/');
    await page.eval(`${one('#key')}.focus()`);
    await page.type(key);
    await page.press('Enter');
    await page.until(`/scans?/.test(${one('#balance')}.textContent)`);
    await page.drop('#drop', IMAGE);
    await lights('#view-read', 'total', '260,97');
    check('line items are a table', await page.eval(
        `${one('#read-result table')}.querySelectorAll('tbody tr').length`)
        === 3);
    await page.shot(path.join(shots, 'live-read.png'));
}

async function rows() {
    await page.eval('location.hash = "#/rows/Invoices"');
    check('the sheet has its rows', await page.until(
        'document.querySelectorAll("table.rows tbody tr").length === 3'));
    await page.shot(path.join(shots, 'live-rows.png'));
    await page.eval(`[...document.querySelectorAll('table.rows tbody a')]
        .find((a) => a.textContent === 'invoice-a4.png').click()`);
    await page.until(`${one('#rows-body img')}?.naturalWidth`);
    await lights('#rows-body', 'total', '2,352.00');
    await page.shot(path.join(shots, 'live-row.png'));
}

async function quiet() {
    const saw = [page.errors, await page.eval('csp'), page.urls.filter((u) =>
        u.includes('spocr_') || !/^(blob|data|about):/.test(u)
        && !u.startsWith(origin + '/'))];

    check('nothing was complained of, nothing went elsewhere',
          saw.every((list) => list.length === 0), saw);
}

function abort(why) {
    console.log('not ok ' + why);
    process.exitCode = 1;
    browser?.close().finally(() => process.exit());
}

// a browser that does not answer must not stop the tests
setTimeout(() => abort('it took more than a minute'), 60000).unref();
process.on('SIGTERM', () => abort('it was told to end'));

(async () => {
    browser = new Browser(program);
    page = await Page.open(browser);
    await page.size(1280, 860);

    for (const part of [read, rows, quiet]) {
        await part();
    }

    console.log('done');
})().catch((e) => {
    console.log('not ok ' + e.message.split('\n')[0]);
    console.log('# ' + e.stack.replaceAll('\n', '\n# '));
    process.exitCode = 1;
}).finally(() => browser?.close());
