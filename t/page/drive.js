// The page in a browser: what one sees, hovers, types and hears of it.
//
//   node t/page/drive.js CHROMIUM [FOLDER-FOR-SCREENSHOTS]
//
// Prints "ok NAME" or "not ok NAME" for each check, and "done" at the end.

'use strict';

const fs = require('fs');
const path = require('path');
const { Browser, Page } = require('./browser.js');
const { StandIn, KEY, EVIL } = require('./standin.js');

const SHOTS = process.argv[3] || 'build/page';
const IMAGE = path.resolve('backend/samples/invoice-a4.png');

let browser, page, api, shot;

function check(name, ok, saw) {
    console.log((ok ? 'ok ' : 'not ok ') + name);

    if (!ok) {
        console.log('# saw: ' + JSON.stringify(saw));
    }
}

function same(name, saw, want) {
    check(name, JSON.stringify(saw) === JSON.stringify(want), saw);
}

const $ = (id) => `document.getElementById('${id}')`;
const one = (selector) => `document.querySelector(${JSON.stringify(selector)})`;
const said = () => page.eval($('status') + '.textContent');
const textOf = (selector) => page.eval(one(selector) + '?.innerText');

// the button of a field of the list, by its name
const field = (name) => `[...document.querySelectorAll('button.field')]`
    + `.find((b) => b.querySelector('.field-name').textContent`
    + ` === ${JSON.stringify(name)})`;
const LIT = `[...document.querySelectorAll('polygon.lit')]`;

// does what makes the page read an image, and waits for the fields
async function read(act) {
    await page.eval(`for (const e of ${$('read-result')}.children)
        e.dataset.old = 1`);
    await act();
    return page.until(`!!${one('#read-result > :not([data-old]) .fields')}`);
}

const scratch = () => path.join(browser.home, 'files');

function file(name, bytes) {
    const to = path.join(scratch(), name);

    fs.mkdirSync(scratch(), { recursive: true });
    fs.writeFileSync(to, bytes);
    return to;
}

// a polygon in thousandths of what is shown of the image
const onGrid = (polygon, img) => page.eval(`(() => {
    const r = ${polygon}.getBoundingClientRect();
    const i = ${img}.getBoundingClientRect();
    return [(r.left - i.left) / i.width, (r.top - i.top) / i.height,
            (r.right - i.left) / i.width, (r.bottom - i.top) / i.height]
        .map((n) => Math.round(n * 1000));
})()`);

const near = (a, b, by) => a.length === b.length
    && a.every((n, i) => Math.abs(n - b[i]) <= by);

const fits = () => page.eval(
    'document.documentElement.scrollWidth <= innerWidth');

async function firstImage() {
    await page.goto(api.origin + '/');

    const tree = await page.tree();
    const has = (role, name) => tree.some((n) => n.role === role
                                          && n.name.startsWith(name));

    check('landmarks, tabs and controls have names', has('banner', '')
        && has('main', '') && has('tab', 'Read an image')
        && has('tab', 'Stored rows') && has('tabpanel', 'Read an image')
        && has('textbox', 'API key') && has('button', 'choose a file')
        && has('radio', 'Invoice') && has('heading', 'spocr'), tree);
    await shot('start');

    await page.drop('#drop', IMAGE);
    await page.until($('key-form') + '.classList.contains("wanted")');
    same('without a key nothing is sent, and the key is asked for',
         [api.of('/ocr/fields').length,
          await page.eval('document.activeElement.id')], [0, 'key']);

    await page.type('spocr_ä');
    await page.press('Enter');
    check('what is no key is refused at once',
          /begins with spocr_/.test(await textOf('#key-error')));
    await page.eval($('key') + '.value = ""');

    const hold = new Promise((done) => { firstImage.go = done; });
    api.next.push({ ...api.answer({ path: '/ocr/fields', headers: {
        authorization: 'Bearer ' + KEY } }), hold });
    await page.type(KEY);
    await page.press('Enter');
    await page.until('!' + $('read-stop') + '.hidden');
    same('while it is read one can cancel', [await textOf('#read-go'),
        await page.eval($('read-go') + '.ariaDisabled')],
         ['Reading…', 'true']);
    await shot('reading');
    firstImage.go();
    check('a dropped image is read once the key is there', await page.until(
        `!!${one('#read-result .fields')}`));

    const [call] = api.of('/ocr/fields'), sent = JSON.parse(call.body);

    same('the request has the image in base64 and the template',
         [Object.keys(sent), sent.imageType, sent.templateId,
          sent.image === fs.readFileSync(IMAGE).toString('base64'),
          call.headers.authorization],
         [['image', 'imageType', 'templateId'], 'base64', 'invoice', true,
          'Bearer ' + KEY]);
    check('it is said aloud', /read in .* seconds: .* to be checked/
        .test(await said()), await said());
}

async function boxes() {
    const { data } = JSON.parse(fs.readFileSync('t/page/answer.json'));
    const want = Object.keys(data.field_bboxes).length + 2
        + data.line_items.reduce((n, row) => n
            + Object.keys(row.field_bboxes).length, 0);

    same('each value with a box has one on the image', await page.eval(
        'document.querySelectorAll("#read-viewer polygon").length'), want);

    await page.move(field('total'));
    same('hovering a field lights one box', [await page.eval(LIT + '.length'),
        await page.eval(field('total') + '.classList.contains("lit")')],
         [1, true]);

    const b = data.field_bboxes.total.bbox;
    const grid = await onGrid(LIT + '[0]', one('#read-viewer img'));
    check('the box is where the total stands', near(grid,
        [b.xmin, b.ymin, b.xmax, b.ymax], 9), grid);

    const tag = await page.eval(`(() => {
        const t = ${one('#read-viewer .tag')}.getBoundingClientRect();
        const p = ${LIT}[0].getBoundingClientRect();
        return { gap: Math.min(Math.abs(t.bottom - p.top),
                               Math.abs(t.top - p.bottom)),
                 text: ${one('#read-viewer .tag')}.textContent };
    })()`);
    check('its match ratio stands beside it', tag.gap < 12
        && tag.text === 'total 100 % token_id', tag);
    await shot('hover');

    await page.move({ x: 5, y: 5 });
    same('it goes out when the pointer leaves', await page.eval(
        LIT + '.length'), 0);

    await page.move(`[...${one('#read-viewer svg')}.children].find((p) =>
        p.classList.contains('low'))`);
    same('hovering a box lights its field', await page.eval(
        `${one('.field.lit')}?.querySelector('.field-name').textContent`),
         'po_number');
    check('a weak match is marked by a sign and by dashes, not by colour alone',
          /!/.test(await page.eval(field('po_number') + '.innerText'))
          && await page.eval(`getComputedStyle(${LIT}[0]).strokeDasharray`)
             !== 'none');
    await page.move({ x: 5, y: 5 });
}

async function keyboard() {
    await page.eval(field('vendor') + '.focus()');
    await page.press('Tab');
    same('the focus lights a box as well', await page.eval(
        `[document.activeElement.querySelector('.field-name').textContent,
          ${LIT}.length,
          ${one('#read-viewer .tag')}.textContent]`),
         ['recipient', 1, 'recipient 100 % token_id']);
    check('the focus can be seen', await page.eval(
        'getComputedStyle(document.activeElement).outlineStyle') === 'solid');

    await page.press('Escape');
    same('Escape takes the light away', await page.eval(LIT + '.length'), 0);

    await page.press('Enter');
    await page.press('Tab');
    await page.press('Tab');
    await page.move({ x: 5, y: 5 });
    await page.eval('document.activeElement.blur()');
    same('Enter pins a box', await page.eval(`[${LIT}.length,
        ${field('recipient')}.ariaPressed]`), [1, 'true']);
    await page.press('Escape');

    same('a table is one stop of the Tab key', await page.eval(
        `document.querySelectorAll('.result td button[tabindex="0"]').length
         - document.querySelectorAll('.result td button:not([tabindex])')
             .length`), 1);
    await page.eval(one('.result td button') + '.focus()');
    await page.press('ArrowDown');
    await page.press('ArrowRight');
    same('arrow keys move in the table, and each cell has its box',
         await page.eval(`[${one('#read-viewer .tag')}.textContent,
             ${LIT}.length]`), ['line_items 2 qty 100 % token_id', 1]);
    await shot('table');
    await page.press('Tab');
    check('and Tab leaves it', await page.eval(
        '!document.activeElement.closest("table")'));

    const tree = await page.tree();
    const names = (role) => tree.filter((n) => n.role === role)
        .map((n) => n.name);

    check('line items are a table with headers for screen readers',
          names('table').some((n) => n.startsWith('line_items'))
          && ['description', 'qty', 'unit_price', 'amount'].every((n) =>
              names('columnheader').includes(n))
          && names('rowheader').includes('5'),
          [names('table'), names('columnheader'), names('rowheader')]);
    check('a field is read with name, value, match and source',
          names('button').some((n) => /^total ?: ?2,352\.00 ?, match ?100 % ?,/
              .test(n) && /token_id/.test(n))
          && names('button').some((n) => /^po_number.*71 %.*to be checked/
              .test(n)), names('button'));
    check('the image has a name', names('image').some((n) =>
        n === 'The image invoice-a4.png'), names('image'));
}

async function hostile() {
    same('what a document has in it is text', [
        await page.eval('window.evil ?? null'),
        await page.eval('document.querySelectorAll("#read-result img,'
                        + ' #read-result script").length'),
        await page.eval(field('note')
                        + '.querySelector(".field-value").textContent')],
         [null, 0, EVIL]);
    check('a warning is shown', (await textOf('.notice')).includes(
        'Parts may be missing ' + EVIL));

    await page.eval($('read-result') + '.querySelector("summary").click()');
    check('sources are explained', /shared_value/.test(
        await textOf('.legend')));
    await page.eval($('read-result') + '.querySelector("summary").click()');
}

async function theKey() {
    same('the key is in no URL, and not in what outlives the tab',
         await page.eval(`[location.href, JSON.stringify(localStorage),
             document.cookie, document.documentElement.outerHTML,
             ...[...document.querySelectorAll('input')].map((i) => i.value)]
             .filter((s) => s.includes('${KEY}'))`), []);
    same('its field was emptied', await page.eval($('key') + '.value'), '');

    await page.goto();
    same('a reload keeps it', await page.eval(`[${$('key-form')}.hidden,
        ${$('key-held')}.hidden]`), [true, false]);
    await page.until('!' + $('balance') + '.hidden');
    same('what is left is shown', await textOf('#balance'),
         '122 scans left\n82 of 100 free, 40 paid');
}

async function faults() {
    const go = $('read-go');

    await page.eval($('at-once') + '.click()');
    await page.choose('#file', IMAGE);
    await page.until('document.activeElement.id === "read-go"');
    same('an image waits where it is not to be read at once',
         api.of('/ocr/fields').length, 1);

    api.next.push(api.fault(429, 'rate_limited', 'Rate limit exceeded',
                            { retryAfterSec: 1 }));
    await page.click(go);
    await page.until(`${one('.count')}?.textContent.includes('again in')`);
    same('a limit is counted down, and the button waits', [
        /^You can try again in 1 s\.$/.test(await textOf('.count')),
        await page.eval(go + '.ariaDisabled')], [true, 'true']);
    await shot('limited');

    const before = api.calls.length;
    await page.click(go);
    same('a click in vain sends nothing', api.calls.slice(before)
        .map((c) => c.path).filter((p) => p !== '/amount'), []);
    check('then it can be used again', await page.until(
        `!${go}.ariaDisabled && /again now/.test(${$('status')}.textContent)`));

    api.next.push(api.fault(400, 'validation_failed', 'No ' + EVIL,
                            { field: 'templateId', available: ['invoice'] }));
    await page.click(go);
    await page.until(one('.fault'));
    const fault = await textOf('.fault');
    check('an error says code, message, details and request id',
          ['validation_failed', 'No ' + EVIL, 'templateId', 'invoice',
           'req_standin1'].every((s) => fault.includes(s)), fault);

    await page.click(one('.fault .request button'));
    check('the request id can be copied', await page.until(
        `/copied|not allowed/.test(${$('status')}.textContent)`),
          await said());

    api.next.push('cut');
    await page.click(go);
    await page.until(`/could not be reached/.test(${$('status')}.textContent)`);
    check('a lost connection is said plainly', /could not be reached/
        .test(await textOf('.fault')));

    api.next.push({ status: 502, bytes: '<html>' });
    await page.click(go);
    check('so is an answer that is none', await page.until(
        `/answered 502/.test(${$('status')}.textContent)`));

    const sent = api.of('/ocr/fields').length;
    let free;
    api.next.push({ json: {}, hold: new Promise((done) => { free = done; }) });
    await page.click(go);
    await api.got('/ocr/fields', sent + 1);
    await page.click($('read-stop'));
    check('a call can be cancelled', await page.until(
        `${$('status')}.textContent === 'Cancelled.'`));
    free();
}

async function files() {
    const before = api.of('/ocr/fields').length;

    await page.choose('#file', file('a.png', '%PDF-1.7 whatever it is named'));
    check('a PDF is refused with the reason, by content', await page.until(
        `/is a PDF, which is not accepted/.test(${one('.fault')}?.innerText)`));
    await page.choose('#file', file('b.png', 'text'));
    check('so is what is no image', await page.until(
        `/is not a JPEG/.test(${one('.fault')}?.innerText)`));
    same('and neither is sent', api.of('/ocr/fields').length, before);
}

async function ownFields() {
    const problem = () => textOf('#read-what-problem');
    const area = $('read-what-json');
    const put = (text) => page.eval(`(() => { ${area}.value
        = ${JSON.stringify(text)}; ${area}.dispatchEvent(new Event('input')); }
        )()`);
    const before = api.of('/ocr/fields').length;

    await page.eval(one('input[value=own]') + '.click()');
    await put('[{"name": "total", "type": "money"}]');
    check('own fields are checked while they are typed',
          /“total”\) needs a “type”/.test(await problem()), await problem());
    await put('[{');
    await page.click($('read-go'));
    same('what is no JSON is said, and not sent', [/^This is no JSON/
        .test(await problem()), api.of('/ocr/fields').length,
        await page.eval(area + '.ariaInvalid')], [true, before, 'true']);
    await shot('own-fields');

    const fields = [{ name: 'total', type: 'string' }];
    await put(JSON.stringify(fields));
    await read(() => page.click($('read-go')));
    same('right ones are sent', JSON.parse(api.of('/ocr/fields')[0].body)
        .fields, fields);

    await page.eval(one('input[value=auto]') + '.click()');
    await read(() => page.click($('read-go')));
    same('or none, to be found', JSON.parse(api.of('/ocr/fields')[0].body)
        .autoFields, true);
    await page.eval(one('input[value=invoice]') + '.click()');
    await page.eval($('at-once') + '.click()');
}

// An EXIF that says "turn it by a quarter".
const TURN = Buffer.from('49492a000800000001001201030001000000060000'
                         + '0000000000', 'hex');

function chunk(name, data, little) {
    const n = Buffer.alloc(4), crc = Buffer.alloc(little ? 0 : 4);

    little ? n.writeUInt32LE(data.length) : n.writeUInt32BE(data.length);
    return little ? Buffer.concat([Buffer.from(name), n, data])
                  : Buffer.concat([n, Buffer.from(name), data, crc]);
}

function webpTurned() {
    const old = fs.readFileSync('backend/t/images/receipt.webp').subarray(12);
    const head = Buffer.alloc(10);

    head[0] = 8;                                    // there is an EXIF
    head.writeUIntLE(620 - 1, 4, 3);
    head.writeUIntLE(1180 - 1, 7, 3);
    return chunk('RIFF', Buffer.concat([Buffer.from('WEBP'),
        chunk('VP8X', head, true), old, chunk('EXIF', TURN, true)]), true);
}

function pngTurned() {
    const old = fs.readFileSync('backend/samples/receipt.png');

    return Buffer.concat([old.subarray(0, 33), chunk('eXIf', TURN, false),
                          old.subarray(33)]);
}

// A JPEG that lies on its side, with an EXIF that turns it back.
async function turned() {
    const jpeg = fs.readFileSync('backend/t/images/turned-left.jpg');
    const exif = Buffer.concat([Buffer.from('ffe1002245786966' + '0000',
                                            'hex'), TURN]);

    const photo = file('exif.jpg', Buffer.concat(
        [jpeg.subarray(0, 2), exif, jpeg.subarray(2)]));

    await read(() => page.choose('#file', photo));
    await page.until(one('#read-viewer img') + '.naturalWidth');

    const [w, h] = await page.eval(`[${one('#read-viewer img')}.naturalWidth,
        ${one('#read-viewer img')}.naturalHeight]`);
    await page.move(field('total'));
    const b = await onGrid(LIT + '[0]', one('#read-viewer img'));

    check('a photo is shown by its EXIF orientation, its boxes over it',
          h > w && near(b, [843, 568, 915, 578], 11), [w, h, b]);

    for (const [name, bytes] of [['t.webp', webpTurned()],
                                 ['t.png', pngTurned()]]) {
        await read(() => page.choose('#file', file(name, bytes)));
        check('so is one in another format: ' + name, await page.until(
            `${one('#read-viewer img')}.naturalWidth === 1180`));
    }
}

async function tiff() {
    await read(() => page.choose('#file', path.resolve(
        'backend/t/images/two-pages.tif')));
    await page.until('!' + one('.viewer-note') + '.hidden');

    const ratio = await page.eval(`(() => { const s = ${one('.sheet')};
        return s.clientHeight / s.clientWidth })()`);
    check('a TIFF, which browsers do not show, gets blank paper of its shape',
          /blank page/.test(await textOf('.viewer-note'))
          && Math.abs(ratio - 1180 / 620) < 0.02, ratio);
}

async function zoom() {
    await read(() => page.choose('#file', IMAGE));
    await page.until(one('#read-viewer img') + '.naturalWidth');

    for (let i = 0; i < 3; i++) {
        await page.click('document.querySelectorAll(".zoom button")[2]');
    }
    await page.eval(field('total') + '.focus()');
    check('a zoomed image scrolls to the box of a field', await page.eval(`
        (() => {
            const b = ${LIT}[0].getBoundingClientRect();
            const s = ${one('#read-viewer .scroll')}.getBoundingClientRect();
            return b.left >= s.left && b.right <= s.right
                && b.top >= s.top && b.bottom <= s.bottom;
        })()`));
    await shot('zoomed');
    await page.click('document.querySelectorAll(".zoom button")[1]');
}

async function looks() {
    await page.eval(field('total') + '.focus()');
    await page.eval('scrollTo(0, 0)');
    await shot('light', true);

    await page.media({ 'prefers-color-scheme': 'dark' });
    same('dark where that is preferred', await page.eval(
        'getComputedStyle(document.body).backgroundColor'), 'rgb(16, 20, 26)');
    await shot('dark', true);

    await page.media({ 'prefers-reduced-motion': 'reduce' });
    check('still where that is preferred', await page.eval(
        `getComputedStyle(${one('polygon')}).transitionDuration`) === '0s');
    await page.media({});

    for (const [w, h] of [[360, 740], [640, 400]]) {
        await page.size(w, h);
        check(`no scrolling sideways at ${w} pixels`, await fits());
        await page.eval(field('due_date') + '.focus()');
        await page.eval(field('due_date')
                        + '.scrollIntoView({ block: "nearest" })');
        check(`a focused field and its box are in sight at ${w} pixels`,
              await page.until(`[document.activeElement,
            ${LIT}[0]].every((e) => {
                const r = e.getBoundingClientRect();
                const top = document.elementFromPoint(r.x + r.width / 2,
                                                      r.y + r.height / 2);
                return e.contains(top);
            })`));
        await shot('narrow-' + w);
        await shot('narrow-whole-' + w, true);
    }
    await page.size(1280, 860);
}

async function folders() {
    await page.click($('tab-rows'));
    await page.until(one('.items'));
    check('folders are listed, with hostile names as text',
          (await textOf('.items')).includes('<img src=x')
          && await page.eval('!document.querySelector("#rows-body img")'));
    await shot('folders');
    await page.drop('#rows-body', IMAGE);
    check('what is dropped on no sheet is not lost silently', await page.until(
        `/Open a sheet first/.test(${$('rows-error')}.innerText)`));

    await page.click(one('.items a'));
    await page.until(`/2026/.test(${one('.items')}?.innerText)`);
    same('the path is a list of links', await page.eval(
        `[...${$('crumbs')}.querySelectorAll('a')].map((a) =>
            a.textContent + ' ' + (a.ariaCurrent ?? ''))`),
         ['Space ', 'Invoices page']);

    await page.eval(one('details.new summary') + '.click()');
    await page.eval(`${$('new-name')}.value = '2027'`);
    await page.eval(one('.new [type=submit]') + '.click()');
    await page.until('location.hash === "#/rows/Invoices/2027"');
    const [made] = api.of('/create');
    same('a sheet is made', [JSON.parse(made.body),
        /^[0-9a-f]{8}-[0-9a-f]{4}-4/.test(made.headers['idempotency-key'])],
         [{ path: 'Invoices', type: 'sheet', name: '2027',
            templateId: 'invoice' }, true]);

    await page.eval('location.hash = "#/rows/Notes"');
    await page.until(one('.memo'));
    same('a memo is text', await textOf('.memo'), EVIL);
}

async function sheet() {
    const asked = () => decodeURIComponent(api.of('/view')[0].url
        .replaceAll('+', ' '));
    const loaded = (what) => page.until(`(${what})
        && !document.querySelector('[aria-busy]')`);

    await page.eval('location.hash = "#/rows/Invoices/2026"');
    await loaded(one('table.rows'));
    same('a sheet shows its first rows', await textOf('.rows caption'),
         'Rows 1 to 25 of 37');
    await shot('sheet');

    await page.click(one('[data-sort=total]'));
    await loaded(one('[aria-sort=ascending]'));
    await page.click(one('[data-sort=total]'));
    await loaded(one('[aria-sort=descending]'));
    check('a heading sorts by its column, and keeps the focus',
          asked().includes('sort=total:desc') && await page.eval(
              'document.activeElement.dataset.sort') === 'total', asked());

    await page.eval(`[...document.querySelectorAll('.pager button')][1]
        .click()`);
    await loaded(`/26 to 37/.test(${one('.rows caption')}.textContent)`);
    same('pages are turned', await page.eval(`[...document.querySelectorAll(
        '.pager button')].map((b) => b.ariaDisabled)`), [null, 'true']);

    await page.eval(`(() => {
        const [c, o] = document.querySelectorAll('.condition select');
        c.value = 'total';
        o.value = '>=';
        ${one('.condition input')}.value = '1000';
        ${one('.apply')}.click();
    })()`);
    await loaded(`/of 3 that match/.test(${one('.rows caption')}.textContent)`);
    check('rows are filtered', asked().includes('where=total>=1000')
        && asked().includes('offset=0'), asked());

    await browser.send('Browser.setDownloadBehavior', { behavior: 'allow',
        downloadPath: scratch(), eventsEnabled: true });
    const saved = new Promise((done) => browser.on(
        'Browser.downloadProgress', (p) => p.state !== 'inProgress' && done()));
    await page.eval(`[...document.querySelectorAll('.title button')]
        .find((b) => b.textContent === 'Download CSV').click()`);
    await saved;
    same('CSV is downloaded, with the same filter', [
        /format=csv/.test(asked()) && asked().includes('where=total>=1000'),
        fs.readFileSync(path.join(scratch(), '2026.csv'), 'utf8')],
         [true, '\ufeffname,total\r\na.png,1\r\n']);
}

async function uploads() {
    await page.drop('#rows-body', IMAGE, file('c.png',
        fs.readFileSync('backend/samples/receipt.png')));
    await page.until(
        '/Upload 2 images/.test(document.activeElement.innerText)');
    await shot('upload');

    api.next.push('cut');
    await page.press('Enter');
    await page.until(`!!${one('#rows-body .fault')}
        && !${one('#rows-body .card .primary')}.ariaDisabled`);
    await page.click(one('#rows-body .card .primary'));
    await page.until(
        `/1 failed and refunded/.test(${$('status')}.textContent)`);

    const [again, first] = api.of('/upload');
    const body = again.body.toString('latin1');

    check('images are uploaded to the sheet, in one form',
          /^multipart\/form-data/.test(again.headers['content-type'])
          && body.includes('name="path"\r\n\r\nInvoices/2026\r\n')
          && body.split('name="files"; filename=').length === 3);
    check('a repeat after a lost connection has the same Idempotency-Key',
          again.headers['idempotency-key']
          && again.headers['idempotency-key']
             === first.headers['idempotency-key']);
    check('jobs are asked for until they end', (await textOf('.files'))
        .includes(EVIL) && api.calls.some((c) => c.path === '/jobs/job_1'),
          await textOf('.files'));
    await shot('uploaded');
}

async function row() {
    await page.eval('location.hash = "#/rows/Invoices/2026/'
                    + 'k0000000000000000002"');
    await page.until(`${one('#rows-body img')}?.naturalWidth`);
    await page.move(`[...document.querySelectorAll('#rows-body button.field')]
        .find((b) => b.innerText.startsWith('total'))`);
    same('a stored row has its image with boxes, too', [
        api.of('/images/k0000000000000000002')[0].headers.authorization,
        await page.eval(`[${LIT}.length, ${one('#rows-body img')}.src
            .startsWith('blob:')]`)], ['Bearer ' + KEY, [1, true]]);
    await shot('row');

    await page.eval(`[...document.querySelectorAll('.title a')].find((a) =>
        a.textContent === 'Previous row').click()`);
    await page.until('location.hash.endsWith("01")');
    await page.until(`${one('#rows-body h2')}?.textContent
        === ${JSON.stringify(EVIL)}`);
    check('one goes from row to row, and the focus with it', await page.until(
        'document.activeElement.tagName === "H2"'));

    await page.eval('location.hash = "#/rows/Invoices/2026/'
                    + 'k0000000000000000003"');
    check('a row that failed says why', await page.until(
        `/no text in the image/.test(${one('#rows-body .fault')}?.innerText)`));
}

async function narrowRows() {
    await page.size(360, 740);

    for (const at of ['', '/Invoices/2026',
                      '/Invoices/2026/k0000000000000000002']) {
        await page.eval(`location.hash = '#/rows${at}'`);
        await page.until(`!document.querySelector('[aria-busy]')`);
        if (at.includes('/k')) {
            await page.until(`${one('#rows-body .sheet')}?.clientWidth > 99`);
        }
        check('no scrolling sideways at #/rows' + at, await fits());
        await shot('narrow-rows-' + at.split('/').length, true);
    }

    await page.media({ 'prefers-color-scheme': 'dark' });
    await page.size(1280, 860);
    await page.eval('location.hash = "#/rows/Invoices/2026"');
    await page.until(one('table.rows'));
    await shot('sheet-dark');
    await page.media({});
}

async function stateless() {
    api.stateless = true;
    await page.goto(api.origin + '/?#/rows');
    check('a backend that stores nothing is no error', await page.until(
        `/Nothing is stored here/.test(${$('rows-body')}.innerText)`)
          && await page.eval(`!${one('.fault')}`));
    await shot('stateless');

    await page.click($('key-forget'));
    same('the key can be forgotten', await page.eval(
        `[sessionStorage.length, ${$('key-form')}.hidden]`), [0, false]);
}

async function quiet() {
    const foreign = page.urls.filter((u) => !u.startsWith(api.origin + '/')
        && !/^(blob|data):/.test(u) && u !== 'about:blank');

    same('no request went elsewhere', foreign, []);
    same('no URL had the key in it', page.urls.filter((u) =>
        u.includes('spocr_')), []);
    same('the content security policy was never violated',
         await page.eval('csp'), []);
    same('nothing was complained of on the console', page.errors, []);
}

async function main() {
    api = new StandIn();
    await api.listen();
    browser = new Browser(process.argv[2]);
    page = await Page.open(browser);
    shot = (name, whole) => page.shot(path.join(SHOTS, name + '.png'), whole);
    await page.size(1280, 860);

    for (const part of [firstImage, boxes, keyboard, hostile, theKey, faults,
                        files, ownFields, turned, tiff, zoom, looks, folders,
                        sheet, uploads, row, narrowRows, stateless, quiet]) {
        const began = Date.now();

        await part();
        console.log('# ' + part.name + ': ' + (Date.now() - began) + ' ms');
    }

    console.log('done');
}

function abort(why) {
    console.log('not ok ' + why);
    process.exitCode = 1;
    browser?.close().finally(() => process.exit());
}

// a browser that does not answer must not stop the tests
setTimeout(() => abort('it took more than a minute'), 60000).unref();
process.on('SIGTERM', () => abort('it was told to end'));
process.on('SIGINT', () => abort('it was told to end'));

main().catch((e) => {
    console.log('not ok ' + e.message.split('\n')[0]);
    console.log('# ' + e.stack.replaceAll('\n', '\n# '));
    process.exitCode = 1;
}).finally(async () => {
    api?.close();
    await browser?.close();
});
