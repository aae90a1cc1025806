// The page that the backend serves at "/": read an image, look at its boxes,
// browse what is stored.  No library, no build step.
//
// Invariants: whatever comes from a document or the server is put in by
// textContent, never as markup.  The key goes into the Authorization header
// of requests to this origin and nowhere else; sessionStorage keeps it for
// this tab, so that a reload does not lose it, and "Forget key" deletes it.

const $ = (id) => document.getElementById(id);
const KEY = 'spocr.key';
const LOW = 0.85;
const MAX_BYTES = 20 * 1024 * 1024;
const MAX_FILES = 20;
const SVG = 'http://www.w3.org/2000/svg';


// --- elements and words

// el('p.note', {id: 'x', onclick: f}, 'text', node...)
function el(name, props = {}, ...kids) {
    const [tag, ...classes] = name.split('.');
    const e = document.createElement(tag);

    if (classes.length) {
        e.className = classes.join(' ');
    }

    for (const [k, v] of Object.entries(props)) {
        if (v === undefined || v === null || v === false) {
            continue;
        }

        if (k.startsWith('on')) {
            e.addEventListener(k.slice(2), v);
        } else {
            e.setAttribute(k, v === true ? '' : v);
        }
    }

    e.append(...kids.flat().filter((k) => k !== null && k !== undefined));
    return e;
}

function button(text, onclick, kind = '', props = {}) {
    return el('button.button' + kind, { type: 'button', onclick, ...props },
              text);
}

const unseen = (text) => el('span.vh', {}, text);

function say(text) {
    $('status').textContent = text;
}

function percent(ratio) {
    return Math.floor(ratio * 100 + 1e-9) + ' %';
}

function count(n, one, many = one + 's') {
    return n + ' ' + (n === 1 ? one : many);
}

function size(bytes) {
    return bytes < 1024 * 1024 ? Math.max(1, Math.round(bytes / 1024)) + ' KB'
                               : (bytes / 1024 / 1024).toFixed(1) + ' MB';
}

function when(ms) {
    const d = new Date(ms);

    return Number.isFinite(ms) && !Number.isNaN(d.getTime())
        ? el('time', { datetime: d.toISOString() },
             d.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }))
        : '';
}

// crypto.randomUUID() is there on https and localhost only
function uuid() {
    const b = crypto.getRandomValues(new Uint8Array(16));

    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;

    return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function copy(text, what) {
    try {
        await navigator.clipboard.writeText(text);
        say(what + ' copied.');
    } catch {
        // plain http has no clipboard: the older way
        const area = el('textarea.vh', { 'aria-hidden': 'true' });
        const back = document.activeElement;

        area.value = text;
        document.body.append(area);
        area.select();
        say(document.execCommand('copy') ? what + ' copied.'
                                         : 'Copying is not allowed here.');
        area.remove();
        back?.focus();
    }
}

function save(blob, name) {
    const url = URL.createObjectURL(blob);
    const a = el('a', { href: url, download: name });

    document.body.append(a);
    a.click();
    a.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
}


// --- the key, the calls, and what went wrong

let key = sessionStorage.getItem(KEY) || '';
let afterKey = null;        // what waits for a key

class Fault extends Error {
    constructor(code, message, more = {}) {
        super(message);
        this.code = code;
        this.status = more.status || 0;
        this.requestId = more.requestId || '';
        this.details = more.details || {};
    }

    get wait() {
        const s = Number(this.details.retryAfterSec);
        return s > 0 ? Math.min(Math.ceil(s), 3600) : 0;
    }
}

async function faultOf(response) {
    const id = response.headers.get('X-Request-Id') || '';
    let answer = null;

    try {
        answer = await response.json();
    } catch { /* not ours: told below */ }

    const e = answer?.error;

    if (typeof e?.code !== 'string') {
        return new Fault('http_' + response.status, 'The server answered '
                         + response.status + ', without saying why.',
                         { status: response.status, requestId: id });
    }

    return new Fault(e.code, String(e.message ?? ''), {
        status: response.status, requestId: String(e.requestId ?? id),
        details: typeof answer.details === 'object' && answer.details || {},
    });
}

// One request of this origin's API; the response, or a Fault is thrown.
async function call(method, path, o = {}) {
    const headers = { ...o.headers };
    let body = o.form, response;

    if (!key) {
        throw new Fault('no_key', 'Enter your API key first.');
    }

    headers.Authorization = 'Bearer ' + key;

    if (o.json !== undefined) {
        headers['Content-Type'] = 'application/json';
        body = JSON.stringify(o.json);
    }

    try {
        response = await fetch(path, {
            method, headers, body, signal: o.signal, cache: 'no-store',
            credentials: 'omit', redirect: 'error',
            referrerPolicy: 'no-referrer',
        });
    } catch (e) {
        throw e.name === 'AbortError' ? e : new Fault('network',
            'The server could not be reached. Check the connection, then try'
            + ' again.');
    }

    if (!response.ok) {
        throw await faultOf(response);
    }

    return response;
}

async function callJson(method, path, o) {
    const response = await call(method, path, o);

    try {
        const answer = await response.json();
        answer.requestId ??= response.headers.get('X-Request-Id') || '';
        return answer;
    } catch (e) {
        throw e.name === 'AbortError' ? e : new Fault('bad_answer',
            'The server’s answer was cut off or is no JSON.',
            { requestId: response.headers.get('X-Request-Id') || '' });
    }
}

// A key for each new content; the same content tried again has the same key.
class Once {
    headers(content) {
        if (content !== this.content) {
            this.content = content;
            this.key = uuid();
        }

        return { 'Idempotency-Key': this.key };
    }
}

function requestId(id) {
    return id ? el('p.request', {}, 'Request ', el('code', {}, id), ' ',
                   button('Copy', () => copy(id, 'Request id'), '.small',
                          { 'aria-label': 'Copy the request id' }))
              : null;
}

const hints = {
    unauthorized: 'Check the key: it was perhaps not copied whole.',
    forbidden: 'The server does not know this key, or it was disabled.',
    insufficient_balance: 'There are not enough scans left for this.',
};

function faultDetails(fault) {
    const d = fault.details, lines = [];

    if (hints[fault.code]) {
        lines.push(hints[fault.code]);
    }

    if (d.field) {
        lines.push('It is about: ' + d.field);
    }

    if (Array.isArray(d.available)) {
        lines.push('Available are: ' + d.available.join(', '));
    }

    if (Number.isFinite(d.requested) && Number.isFinite(d.processable)) {
        lines.push('Asked for ' + count(d.requested, 'scan') + ', '
                   + d.processable + ' can be paid.');
    }

    return lines.map((text) => el('p', {}, text));
}

// Blocks the buttons for as long as the server asks to, and counts down.
function countdown(fault, place, buttons) {
    const until = Date.now() + fault.wait * 1000;
    const line = el('p.count', { 'aria-hidden': 'true' });

    place.append(line);
    buttons.forEach((b) => b.setAttribute('aria-disabled', 'true'));

    const tick = () => {
        const left = Math.ceil((until - Date.now()) / 1000);

        if (left > 0 && line.isConnected) {
            line.textContent = 'You can try again in ' + left + ' s.';
            return;
        }

        clearInterval(timer);
        buttons.forEach((b) => b.removeAttribute('aria-disabled'));

        if (line.isConnected) {
            line.textContent = 'You can try again now.';
            say('You can try again now.');
        }
    };

    const timer = setInterval(tick, 250);
    tick();
}

// Puts what went wrong at a place; the buttons are those that would repeat it.
function complain(place, e, buttons = []) {
    const fault = e instanceof Fault ? e : new Fault('page', String(e));

    if (fault.code === 'no_key') {
        needKey();
    }

    const box = el('div.fault', {},
        el('p.fault-what', {}, el('strong', {}, fault.message)),
        faultDetails(fault),
        el('p.request', {}, 'Code ', el('code', {}, fault.code)),
        requestId(fault.requestId));

    place.replaceChildren(box);
    say('Error: ' + fault.message + (fault.wait ? ' Try again in '
        + count(fault.wait, 'second') + '.' : ''));

    if (fault.wait) {
        countdown(fault, box, buttons);
    }
}

const blocked = (b) => b.getAttribute('aria-disabled') === 'true';

function needKey() {
    $('key-form').classList.add('wanted');
    $('key').focus();
}

function showKey() {
    $('key-form').hidden = !!key;
    $('key-held').hidden = !key;
    $('key-note').hidden = !!key;
    $('key-form').classList.remove('wanted');
}

function keyFault(text) {
    $('key-error').textContent = text;
    $('key-error').hidden = !text;
    $('key').toggleAttribute('aria-invalid', !!text);
    $('key').setAttribute('aria-describedby', text ? 'key-error' : 'key-note');
}

function useKey(event) {
    const typed = $('key').value.trim().replace(/^Bearer\s+/i, '');

    event.preventDefault();

    if (!/^spocr_[A-Za-z0-9_-]+$/.test(typed)) {
        keyFault(typed ? 'A key begins with spocr_ and has letters, digits,'
                         + ' _ and - only.' : 'Enter a key.');
        say($('key-error').textContent);
        $('key').focus();
        return;
    }

    keyFault('');
    key = typed;
    sessionStorage.setItem(KEY, key);
    $('key').value = '';
    showKey();
    say('The key is in use in this tab.');
    balance.none = false;
    balance();

    const next = afterKey;
    afterKey = null;

    if (!$('view-rows').hidden) {
        route();
        return;
    }

    $(reader.file ? 'read-go' : 'pick').focus();
    next?.();
}

function forgetKey() {
    key = '';
    sessionStorage.removeItem(KEY);
    $('balance').hidden = true;
    $('rows-error').replaceChildren();
    rows.clear();
    showKey();
    $('key').focus();
    say('The key is forgotten.');

    if (!$('view-rows').hidden) {
        route();
    }
}

// How much is left, where the backend keeps accounts.
async function balance() {
    let a;

    if (!key || balance.none) {
        return;
    }

    try {
        a = await callJson('GET', '/amount');
    } catch (e) {
        balance.none = e.status === 404;
        $('balance').hidden = true;
        return;
    }

    const n = (x) => Number(x) || 0;
    const free = n(a.free?.remaining), paid = n(a.balance);
    const flat = a.flatfee?.enabled ? n(a.flatfee.remaining) : 0;
    const parts = [free + ' of ' + n(a.free?.limit) + ' free'];

    if (flat) {
        parts.push(flat + ' in the flat fee');
    }

    if (paid) {
        parts.push(paid + ' paid');
    }

    $('balance').replaceChildren(
        el('strong', {}, count(free + flat + paid, 'scan') + ' left'),
        el('span.note', {}, parts.join(', ')));
    $('balance').hidden = false;
}


// --- image files

const starts = (b, at, text) =>
    [...text].every((c, i) => b[at + i] === c.charCodeAt(0));

// What a file is by its first bytes: { format } or { problem }.
function sniff(b) {
    const formats = [['JPEG', 0, '\xff\xd8\xff'], ['PNG', 0, '\x89PNG'],
                     ['GIF', 0, 'GIF8'], ['BMP', 0, 'BM'],
                     ['TIFF', 0, 'II*\0'], ['TIFF', 0, 'MM\0*'],
                     ['WebP', 8, 'WEBP']];
    const found = formats.find(([, at, magic]) => starts(b, at, magic));

    if (found) {
        return { format: found[0] };
    }

    if (starts(b, 0, '%PDF')) {
        return { problem: 'is a PDF, which is not accepted: send its pages as'
                          + ' images' };
    }

    if (starts(b, 4, 'ftyp')) {
        return { problem: 'is HEIC, AVIF or a video: save it as JPEG first' };
    }

    return { problem: 'is not a JPEG, PNG, GIF, BMP, TIFF or WebP image' };
}

// A sentence that says why a file cannot be sent; '' when it can.
async function problemOf(file) {
    const name = '“' + file.name + '” ';

    if (file.size > MAX_BYTES) {
        return name + 'is larger than 20 MB.';
    }

    try {
        const head = await file.slice(0, 16).arrayBuffer();
        const { problem } = sniff(new Uint8Array(head));
        return problem ? name + problem + '.' : '';
    } catch {
        return name + 'cannot be read; a folder perhaps?';
    }
}

function base64(file) {
    return new Promise((done, failed) => {
        const reader = new FileReader();

        reader.onload = () => done(reader.result.split(',', 2)[1]);
        reader.onerror = () => failed(new Fault('file', 'The file “'
            + file.name + '” cannot be read any more.'));
        reader.readAsDataURL(file);
    });
}

// The first directory of a TIFF, or of an EXIF, which is one: tag => number.
function tiffTags(v) {
    const little = v.getUint8(0) === 0x49, tags = {};
    const at = v.getUint32(4, little);

    for (let i = 0; i < v.getUint16(at, little); i++) {
        const e = at + 2 + i * 12;

        tags[v.getUint16(e, little)] = v.getUint16(e + 2, little) === 3
            ? v.getUint16(e + 8, little) : v.getUint32(e + 8, little);
    }

    return tags;
}

// Width and height of a TIFF as the grid sees it, for browsers show none.
function tiffSize(buffer) {
    const t = tiffTags(new DataView(buffer));

    return t[274] >= 5 ? [t[257], t[256]] : [t[256], t[257]];
}

// The EXIF of a PNG or WebP: { name, data }, where its chunk's name and its
// content are.
function exifChunk(bytes, png) {
    const v = new DataView(bytes.buffer);

    for (let at = png ? 8 : 12; at + 12 < bytes.length;) {
        const n = v.getUint32(png ? at : at + 4, !png);
        const name = png ? at + 4 : at;

        if (starts(bytes, name, png ? 'eXIf' : 'EXIF')) {
            const data = at + 8;
            return { name, data: data + (starts(bytes, data, 'Exif\0\0') ? 6
                                                                         : 0) };
        }

        at += png ? n + 12 : n + 8 + (n & 1);
    }

    return null;
}

// How a canvas is turned by each EXIF orientation.
const turns = (w, h) => [null, null, [-1, 0, 0, 1, w, 0],
    [-1, 0, 0, -1, w, h], [1, 0, 0, -1, 0, h], [0, 1, 1, 0, 0, 0],
    [0, 1, -1, 0, h, 0], [0, -1, -1, 0, h, w], [0, -1, 1, 0, 0, w]];

async function turn(blob, orientation) {
    const url = URL.createObjectURL(blob), img = new Image();

    try {
        img.src = url;
        await img.decode();

        const { naturalWidth: w, naturalHeight: h } = img;
        const canvas = el('canvas', orientation >= 5
            ? { width: h, height: w } : { width: w, height: h });
        const ctx = canvas.getContext('2d');

        ctx.setTransform(...turns(w, h)[orientation]);
        ctx.drawImage(img, 0, 0);
        return await new Promise((done) => canvas.toBlob(done));
    } finally {
        URL.revokeObjectURL(url);
    }
}

// The picture as the API sees it.  Every browser turns a JPEG by its EXIF;
// with PNG and WebP they differ, so theirs is made void and done here.
async function upright(blob) {
    try {
        const bytes = new Uint8Array(await blob.arrayBuffer());
        const { format } = sniff(bytes), png = format === 'PNG';
        const exif = png || format === 'WebP' ? exifChunk(bytes, png) : null;

        if (!exif) {
            return blob;
        }

        const o = tiffTags(new DataView(bytes.buffer, exif.data))[274];

        if (!(o >= 2 && o <= 8)) {
            return blob;
        }

        bytes[exif.name] = 'x'.charCodeAt(0);
        return await turn(new Blob([bytes], { type: blob.type }), o) || blob;
    } catch {
        return blob;            // too damaged, or too large for a canvas
    }
}

async function blankSize(blob) {
    try {
        const [w, h] = tiffSize(await blob.arrayBuffer());
        return w > 0 && h > 0 ? [w, h] : [210, 297];
    } catch {
        return [210, 297];
    }
}


// --- an image with boxes over it

// The corners of a box on the grid of 0 to 1000, or null.
function corners(box) {
    let p = box?.vertices;

    if (!Array.isArray(p) || p.length < 3) {
        const b = box?.bbox;
        p = b && [{ x: b.xmin, y: b.ymin }, { x: b.xmax, y: b.ymin },
                  { x: b.xmax, y: b.ymax }, { x: b.xmin, y: b.ymax }];
    }

    return p && p.every((v) => Number.isFinite(v?.x) && Number.isFinite(v?.y))
        ? p : null;
}

function hull(points) {
    const x = points.map((p) => p.x), y = points.map((p) => p.y);

    return { x0: Math.min(...x), y0: Math.min(...y),
             x1: Math.max(...x), y1: Math.max(...y) };
}

// The grid is the picture's after its EXIF orientation, as is what is shown
// (see upright()): the overlay covers the image, and no box is to be turned.
class Viewer {
    constructor(place) {
        this.img = el('img', { alt: '' });
        this.svg = document.createElementNS(SVG, 'svg');
        this.svg.setAttribute('viewBox', '0 0 1000 1000');
        this.svg.setAttribute('preserveAspectRatio', 'none');
        this.svg.setAttribute('aria-hidden', 'true');
        this.tag = el('div.tag', { 'aria-hidden': 'true', hidden: true });
        this.sheet = el('div.sheet', {}, this.img, this.svg, this.tag);
        this.scroll = el('div.scroll', {}, this.sheet);
        this.name = el('span.viewer-name');
        this.note = el('p.note.viewer-note', { hidden: true });
        this.out = button('−', () => this.setZoom(this.zoom / 1.5), '.small',
                          { 'aria-label': 'Zoom out' });
        this.fit = button('Fit', () => this.setZoom(1), '.small',
                          { 'aria-label': 'Fit the image' });
        this.in = button('+', () => this.setZoom(this.zoom * 1.5), '.small',
                         { 'aria-label': 'Zoom in' });
        this.bar = el('div.viewer-bar', {}, this.name, el('div.zoom', {
            role: 'group', 'aria-label': 'Zoom' }, this.out, this.fit,
            this.in));
        this.root = el('div.viewer', { hidden: true }, this.bar, this.note,
                       this.scroll);
        this.items = [];
        this.zoom = 1;
        place.append(this.root);

        this.img.addEventListener('load', () => this.loaded());
        this.img.addEventListener('error', () => this.blank());
        this.resized = new ResizeObserver(() => this.layout());
        this.resized.observe(this.root);
        this.setZoom(1);
    }

    open(blob, name) {
        this.close();
        this.blob = blob;
        this.name.textContent = name + ' · ' + size(blob.size);
        this.img.alt = 'The image ' + name;
        this.root.hidden = false;
        this.sheet.style.visibility = 'hidden';     // its size is not known

        upright(blob).then((turned) => {
            if (this.blob === blob) {
                this.url = URL.createObjectURL(turned);
                this.img.src = this.url;
            }
        });
    }

    loaded() {
        this.natural = [this.img.naturalWidth, this.img.naturalHeight];
        this.setZoom(1);
    }

    // a format that the browser does not show: boxes on blank paper
    async blank() {
        const blob = this.blob;

        if (!blob) {
            return;
        }

        const size = await blankSize(blob);

        if (blob === this.blob) {
            this.natural = size;
            this.sheet.classList.add('paper');
            this.note.textContent = 'This browser cannot show the image. Its'
                + ' boxes are drawn on a blank page of the same shape.';
            this.note.hidden = false;
            this.setZoom(1);
        }
    }

    close() {
        if (this.url) {
            URL.revokeObjectURL(this.url);
        }

        this.img.removeAttribute('src');
        this.url = this.blob = this.natural = null;
        this.note.hidden = true;
        this.sheet.classList.remove('paper');
        this.root.hidden = true;
        this.draw([]);
    }

    setZoom(zoom) {
        this.zoom = Math.min(6, zoom < 1.1 ? 1 : zoom);
        this.layout();
        this.out.toggleAttribute('disabled', this.zoom === 1);
        this.in.toggleAttribute('disabled', this.zoom >= 6);
        this.scroll.classList.toggle('zoomed', this.zoom > 1);

        if (this.zoom > 1) {
            this.scroll.tabIndex = 0;
            this.scroll.setAttribute('role', 'region');
            this.scroll.setAttribute('aria-label', 'Zoomed image');
            this.reveal(this.lit || this.pinned);
        } else {
            this.scroll.removeAttribute('tabindex');
            this.scroll.removeAttribute('role');
            this.scroll.removeAttribute('aria-label');
        }
    }

    layout() {
        if (!this.natural || this.root.hidden) {
            return;
        }

        this.sheet.style.visibility = '';

        const [w, h] = this.natural;
        const style = getComputedStyle(this.scroll);
        const room = parseFloat(style.maxHeight) || 600;
        const pad = 2 * parseFloat(style.paddingLeft);
        const k = Math.min((this.root.clientWidth - pad) / w,
                           (room - pad) / h, 3);

        this.sheet.style.width = Math.floor(w * k * this.zoom) + 'px';
        this.sheet.style.height = Math.floor(h * k * this.zoom) + 'px';
        this.place();
    }

    // A box gets three pixels of air: its line must not cover its text.
    place() {
        const ax = 3000 / (this.sheet.clientWidth || 1000);
        const ay = 3000 / (this.sheet.clientHeight || 1000);

        for (const { points, polygon } of this.items) {
            const { x0, y0, x1, y1 } = hull(points);

            polygon.setAttribute('points', points.map(({ x, y }) =>
                (x + Math.sign(2 * x - x0 - x1) * ax).toFixed(1) + ','
                + (y + Math.sign(2 * y - y0 - y1) * ay).toFixed(1)).join(' '));
        }
    }

    // items: { label, value, box, low, button }
    draw(items) {
        this.off();
        this.items = items.filter((item) => item.points);
        this.svg.replaceChildren();
        this.pinned = null;

        // a small box inside of a large one lies above it
        const area = ({ x0, y0, x1, y1 }) => (x1 - x0) * (y1 - y0);
        const sorted = [...this.items].sort(
            (a, b) => area(hull(b.points)) - area(hull(a.points)));

        for (const item of sorted) {
            const p = document.createElementNS(SVG, 'polygon');

            p.classList.toggle('low', item.low);
            p.addEventListener('pointerenter', () => this.show(item));
            p.addEventListener('pointerleave', () => this.show(null));
            p.addEventListener('click', () => {
                this.pin(item);
                item.button.focus();
            });
            item.polygon = p;
            this.svg.append(p);
        }

        this.place();
    }

    // Lights an item, or with null the one that has the focus or is pinned.
    show(item) {
        const next = item
            || this.items.find((i) => i.button === document.activeElement)
            || this.pinned;

        this.off();

        if (next) {
            this.lit = next;
            this.tag.hidden = false;
            this.svg.classList.add('some');
            next.polygon.classList.add('lit');
            next.button.classList.add('lit');
            this.label(next);
        }
    }

    label(item) {
        const { x0, y0, x1, y1 } = hull(item.points);
        const s = this.tag.style, above = y0 / 1000 * this.sheet.clientHeight;

        this.tag.replaceChildren(item.label + ' ',
            el('strong', {}, percent(item.ratio)), ' ' + item.source);
        this.tag.classList.toggle('low', item.low);

        s.left = x0 <= 500 ? Math.max(0, x0) / 10 + '%' : 'auto';
        s.right = x0 <= 500 ? 'auto' : Math.max(0, 1000 - x1) / 10 + '%';
        s.bottom = above > 40 ? 'calc(' + (1000 - y0) / 10 + '% + 6px)'
                              : 'auto';
        s.top = above > 40 ? 'auto' : 'calc(' + Math.min(y1, 920) / 10
                                      + '% + 6px)';
    }

    // Takes the light off, the focus' too.
    off() {
        this.lit?.polygon.classList.remove('lit');
        this.lit?.button.classList.remove('lit');
        this.lit = null;
        this.tag.hidden = true;
        this.svg.classList.remove('some');
    }

    reveal(item) {
        if (!item || this.zoom === 1) {
            return;
        }

        const { x0, y0, x1, y1 } = hull(item.points);
        const s = this.scroll;

        s.scrollTo((x0 + x1) / 2000 * this.sheet.clientWidth
                   - s.clientWidth / 2,
                   (y0 + y1) / 2000 * this.sheet.clientHeight
                   - s.clientHeight / 2);
    }

    pin(item) {
        this.pinned?.button.setAttribute('aria-pressed', 'false');
        this.pinned = item;
        item?.button.setAttribute('aria-pressed', 'true');
        this.show(null);
        this.reveal(item);
    }
}


// --- what was read: fields and tables, each value tied to its box

const own = (o, name) => o && Object.hasOwn(o, name) ? o[name] : undefined;

const icon = () => el('span.warn', { 'aria-hidden': 'true' }, '!');

function text(value) {
    return value === null || value === undefined ? ''
        : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// A value of an answer with its box: what the viewer draws, and its button.
function makeItem(viewer, label, value, box) {
    const ratio = Number(box?.match_ratio);
    const item = {
        label, value: text(value), points: corners(box),
        ratio: Number.isFinite(ratio) ? Math.min(1, Math.max(0, ratio)) : 0,
        source: String(box?.bbox_source ?? ''),
    };

    item.low = !!item.points
        && (item.ratio < LOW || item.source === 'low_confidence');

    item.button = el('button', {
        type: 'button', 'aria-pressed': 'false',
        onpointerenter: () => viewer.show(item),
        onpointerleave: () => viewer.show(null),
        onfocus: () => {
            viewer.show(item);
            viewer.reveal(item);
        },
        onblur: () => viewer.show(null),
        onclick: () => viewer.pin(viewer.pinned === item ? null : item),
    });

    return item;
}

function ratioPill(item) {
    return el('span.ratio' + (item.low ? '.low' : ''), {},
              item.low ? icon() : null, unseen(', match '),
              percent(item.ratio), item.low ? unseen(', to be checked') : null);
}

// One line of the list of fields.
function fieldLine(viewer, items, name, value, box) {
    const item = makeItem(viewer, name, value, box);
    const label = el('span.field-name', {}, name);

    if (!item.points) {
        return el('li.field', {}, label, el('span.field-value'
            + (item.value ? '' : '.none'), {}, item.value || 'Not found'),
            item.value ? el('span.note', {}, 'no box') : null);
    }

    items.push(item);
    item.button.className = 'field';
    item.button.append(label, unseen(': '),
                       el('span.field-value', {}, item.value),
                       el('span.field-match', {}, ratioPill(item), unseen(', '),
                          el('span.source', {}, item.source)));
    return el('li', {}, item.button);
}

// Arrow keys move among the buttons of a table, which is one stop of Tab.
function roving(table) {
    const grid = [...table.tBodies[0].rows].map((r) => [...r.cells]
        .map((c) => c.querySelector('button')));
    const all = grid.flat().filter(Boolean);

    all.forEach((b, i) => { b.tabIndex = i ? -1 : 0; });

    table.addEventListener('focusin', (e) => {
        if (all.includes(e.target)) {
            all.forEach((b) => { b.tabIndex = b === e.target ? 0 : -1; });
        }
    });

    table.addEventListener('keydown', (e) => {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0],
                       ArrowLeft: [0, -1], ArrowRight: [0, 1] }[e.key];
        let r = grid.findIndex((line) => line.includes(e.target));

        if (!step || r < 0) {
            return;
        }

        let c = grid[r].indexOf(e.target);
        e.preventDefault();

        do {
            r += step[0];
            c += step[1];
        } while (grid[r]?.[c] === null);

        grid[r]?.[c]?.focus();
    });
}

function cell(viewer, items, label, value, box) {
    const item = makeItem(viewer, label, value, box);

    if (!item.points) {
        return el('td', {}, item.value || unseen('not found'));
    }

    items.push(item);
    item.button.className = 'cell' + (item.low ? ' low' : '');
    item.button.append(item.low ? icon() : '', item.value,
        unseen(', match ' + percent(item.ratio)
               + (item.low ? ', to be checked' : '')));
    return el('td', {}, item.button);
}

// A table that may be wider than its place: that scrolls, not the page.
function wide(table, label) {
    return el('div.wide', { tabindex: '0', role: 'region',
                            'aria-label': label }, table);
}

function arrayTable(viewer, items, name, list) {
    const names = [...new Set(list.flatMap((row) => Object.keys(row)))]
        .filter((n) => n !== 'field_bboxes');
    const body = list.map((row, i) => el('tr', {},
        el('th', { scope: 'row' }, String(i + 1)),
        names.map((n) => cell(viewer, items, name + ' ' + (i + 1) + ' ' + n,
                              own(row, n), own(row.field_bboxes, n)))));
    const table = el('table', {},
        el('caption', {}, name + ' ', el('span.note', {},
            count(list.length, 'row'), unseen('; arrow keys move among its'
                                              + ' cells'))),
        el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, '#'),
            names.map((n) => el('th', { scope: 'col' }, n)))),
        el('tbody', {}, body));

    roving(table);
    return wide(table, 'Table ' + name);
}

function sources() {
    const known = [['token_id', 'the words spell the value'],
        ['token_id_hybrid', 'the value is a part of the words, or differs a'
                            + ' little'],
        ['vision_symbol_match', 'found among the page’s characters'],
        ['shared_value', 'the same words as another field’s'],
        ['low_confidence', 'less than 85 % of the characters were found']];

    return el('details.legend', {},
        el('summary', {}, 'What the percentages and sources mean'),
        el('p', {}, 'The percentage is the part of the value’s characters'
           + ' that was found on the page. Below 85 % a value is marked “!”'
           + ' and its box is dashed: compare it with the image.'),
        el('dl', {}, known.flatMap(([n, what]) => [
            el('dt', {}, el('code', {}, n)), el('dd', {}, what)])));
}

function warnings(list) {
    return Array.isArray(list) && list.length
        ? el('div.notice', {}, list.map((w) => el('p', {}, icon(), ' ',
            text(w?.message ?? w?.code ?? w), ' ',
            w?.code ? el('code', {}, text(w.code)) : null)))
        : null;
}

const isRows = (v) => Array.isArray(v) && v.length > 0
    && v.every((row) => row && typeof row === 'object');

// Shows values and boxes, and draws the boxes; a sentence that sums it up.
function showResult(place, viewer, values, boxes, more = {}) {
    const items = [], lines = [], tables = [];

    for (const [name, value] of Object.entries(values ?? {})) {
        if (name === 'field_bboxes') {
            continue;
        }

        if (isRows(value)) {
            tables.push(arrayTable(viewer, items, name, value));
        } else {
            lines.push(fieldLine(viewer, items, name, Array.isArray(value)
                && !value.length ? '' : value, own(boxes, name)));
        }
    }

    const low = items.filter((i) => i.low).length;
    const sum = count(items.length, 'value') + ' with a box'
        + (low ? ', ' + low + ' to be checked' : '');

    place.replaceChildren(el('div.card.result', {},
        el('div.result-head', {}, el('h2', { tabindex: '-1' }, 'Fields'),
           el('p.note', {}, sum)),
        warnings(more.warnings),
        lines.length ? el('ul.fields', { role: 'list' }, lines) : null,
        tables, sources(),
        el('div.result-foot', {}, requestId(more.requestId),
           button('Copy as JSON', () => copy(JSON.stringify(
               { ...values, field_bboxes: boxes }, null, 2), 'JSON'),
                  '.small'))));
    viewer.draw(items);
    return sum;
}


// --- what to read: a template, or fields of one's own

const SAMPLE = `[
  { "name": "invoice_no", "type": "string",
    "description": "Invoice number" },
  { "name": "total", "type": "string" },
  { "name": "line_items", "type": "array", "children": [
    { "name": "description", "type": "string" },
    { "name": "amount", "type": "number" } ] }
]`;

// What is wrong with a list of FieldSpecs, '' if nothing is.
function fieldsProblem(list, of = 'the list') {
    const seen = new Set();

    if (!Array.isArray(list) || !list.length) {
        return 'There must be a JSON array of fields in ' + of + '.';
    }

    for (const [i, f] of list.entries()) {
        const at = 'Field ' + (i + 1) + ' of ' + of;

        if (!f || typeof f !== 'object' || typeof f.name !== 'string'
            || !f.name) {
            return at + ' needs a “name”.';
        }

        if (seen.has(f.name)) {
            return at + ': there are two of the name “' + f.name + '”.';
        }

        seen.add(f.name);

        if (!['string', 'number', 'array'].includes(f.type)) {
            return at + ' (“' + f.name + '”) needs a “type”: string, number or'
                + ' array.';
        }

        const bad = f.type === 'array'
            ? fieldsProblem(f.children, 'children of “' + f.name + '”') : '';
        if (bad) {
            return bad;
        }
    }

    return '';
}

class Choice {
    constructor(place, id, legend) {
        const radio = (value, label) => el('label.radio', {},
            el('input', { type: 'radio', name: id, value,
                          checked: value === 'invoice',
                          onchange: () => this.changed() }),
            el('span', {}, label));

        this.area = el('textarea', { id: id + '-json', rows: '10',
            spellcheck: 'false', 'aria-describedby': id + '-problem',
            oninput: () => this.check() });
        this.area.value = SAMPLE;
        this.problem = el('p.bad', { id: id + '-problem', role: 'status' });
        this.editor = el('div.editor', { hidden: true },
            el('label', { for: id + '-json' }, 'Fields, as JSON'), this.area,
            this.problem, el('p.note', {}, 'Each has name, type (string,'
                + ' number, array), a description if need be; an array has'
                + ' children.'));
        this.set = el('fieldset', {}, el('legend', {}, legend),
            el('div.radios', {}, radio('invoice', 'Invoice'),
               radio('receipt', 'Receipt'), radio('auto', 'Find fields'),
               radio('own', 'My own')), this.editor);
        place.append(this.set);
    }

    get value() {
        return this.set.querySelector('input:checked').value;
    }

    changed() {
        this.editor.hidden = this.value !== 'own';
    }

    // the fields as typed, or null
    check() {
        let fields = null, problem;

        try {
            fields = JSON.parse(this.area.value);
            problem = fieldsProblem(fields);
        } catch (e) {
            problem = 'This is no JSON: ' + e.message;
        }

        this.problem.textContent = problem;
        this.area.setAttribute('aria-invalid', String(!!problem));
        return problem ? null : fields;
    }

    // the members of a request; null when they are not right yet
    ask() {
        const v = this.value;

        if (v === 'auto') {
            return { autoFields: true };
        }

        if (v !== 'own') {
            return { templateId: v };
        }

        const fields = this.check();

        if (!fields) {
            this.area.focus();
        }

        return fields && { fields };
    }
}


// --- the view "Read an image"

const reader = {
    file: null,
    running: null,          // the AbortController of a call
};

function readBusy(on) {
    $('read-go').textContent = on ? 'Reading…'
        : reader.done ? 'Read again' : 'Read image';
    $('read-go').toggleAttribute('aria-disabled', false);
    if (on) {
        $('read-go').setAttribute('aria-disabled', 'true');
    }
    $('read-stop').hidden = !on;
    $('read-viewer').classList.toggle('busy', on);
}

async function takeImage(file) {
    const problem = await problemOf(file);

    reader.running?.abort();
    $('read-error').replaceChildren();

    if (problem) {
        complain($('read-error'), new Fault('invalid_image', problem));
        return;
    }

    reader.file = file;
    reader.done = false;
    reader.viewer.open(file, file.name || 'pasted image');
    $('read-result').replaceChildren();
    $('drop').hidden = true;
    $('read-other').hidden = false;
    document.body.classList.add('has-image');
    readBusy(false);

    if ($('at-once').checked) {
        readImage();
    } else {
        $('read-go').focus();
        say('The image is shown.');
    }
}

async function readImage() {
    const ask = reader.choice.ask(), file = reader.file;

    if (!file) {
        say('Choose an image first.');
        $('pick').focus();
        return;
    }

    if (!ask) {
        return;
    }

    if (!key) {
        afterKey = readImage;
        complain($('read-error'), new Fault('no_key', 'Enter your API key;'
            + ' then the image is read.'));
        return;
    }

    const stop = new AbortController();
    const began = performance.now();

    reader.running?.abort();
    reader.running = stop;
    readBusy(true);
    reader.viewer.draw([]);
    $('read-result').replaceChildren();
    $('read-error').replaceChildren();
    say('Reading the image.');

    try {
        const image = await base64(file);
        const a = await callJson('POST', '/ocr/fields', {
            json: { image, imageType: 'base64', ...ask }, signal: stop.signal,
        });

        if (reader.running === stop) {
            readDone(a, (performance.now() - began) / 1000);
        }
    } catch (e) {
        readFailed(e, stop);
    }

    balance();
}

function readDone(a, seconds) {
    const data = a.data ?? {};

    reader.running = null;
    reader.done = true;
    readBusy(false);

    const sum = showResult($('read-result'), reader.viewer, data,
        data.field_bboxes, { warnings: a.warnings ?? data.warnings,
                             requestId: a.requestId });
    say('The image was read in ' + seconds.toFixed(1) + ' seconds: ' + sum
        + '.');
}

function readFailed(e, stop) {
    if (reader.running !== stop) {
        return;             // another image took its place
    }

    reader.running = null;
    readBusy(false);

    if (e.name === 'AbortError') {
        say('Cancelled.');
    } else {
        complain($('read-error'), e, [$('read-go')]);
    }
}

function promise() {
    return el('p.card.empty.note', {}, 'The fields appear here. Each shows'
              + ' where on the image it was read, and how much of it was'
              + ' found there.');
}

function otherImage() {
    reader.running?.abort();
    reader.running = reader.file = null;
    reader.done = false;
    reader.viewer.close();
    $('read-result').replaceChildren(promise());
    $('read-error').replaceChildren();
    $('drop').hidden = false;
    $('read-other').hidden = true;
    document.body.classList.remove('has-image');
    readBusy(false);
    $('pick').focus();
}

function startReader() {
    reader.viewer = new Viewer($('read-viewer'));
    reader.choice = new Choice($('read-choice'), 'read-what', 'What to read');
    $('read-result').append(promise());

    $('pick').addEventListener('click', () => $('file').click());
    $('file').addEventListener('change', () => {
        const [file] = $('file').files;

        if (file) {
            takeImage(file);
        }
        $('file').value = '';
    });
    $('read-form').addEventListener('submit', (e) => {
        e.preventDefault();
        if (!blocked($('read-go'))) {
            readImage();
        }
    });
    $('read-stop').addEventListener('click', () => {
        reader.running?.abort();
        $('read-go').focus();
    });
    $('read-other').addEventListener('click', otherImage);
}

// A file may be dropped anywhere: the browser must not leave for it.
function startDrop() {
    const body = document.body;
    const hasFiles = (e) => [...e.dataTransfer?.types ?? []].includes('Files');
    const give = (files) => {
        if (!files.length) {
            return false;
        }
        if ($('view-rows').hidden) {
            takeImage(files[0]);
        } else if (rows.take) {
            rows.take(files);
        } else {
            complain($('rows-error'), new Fault('no_sheet', 'Open a sheet'
                + ' first: images are added to a sheet.'));
        }
        return true;
    };
    let depth = 0;

    body.addEventListener('dragenter', (e) => {
        if (hasFiles(e)) {
            depth++;
            body.classList.add('dragging');
        }
    });
    body.addEventListener('dragleave', (e) => {
        if (hasFiles(e) && --depth <= 0) {
            depth = 0;
            body.classList.remove('dragging');
        }
    });
    body.addEventListener('dragover', (e) => {
        if (hasFiles(e)) {
            e.preventDefault();
            e.dataTransfer.dropEffect = 'copy';
        }
    });
    body.addEventListener('drop', (e) => {
        if (hasFiles(e)) {
            e.preventDefault();
            depth = 0;
            body.classList.remove('dragging');
            give([...e.dataTransfer.files]);
        }
    });
    document.addEventListener('paste', (e) => {
        if (give([...e.clipboardData?.files ?? []])) {
            e.preventDefault();
        }
    });
}


// --- the view "Stored rows"

const rows = {
    kinds: new Map(),       // path: folder, sheet, memo or img
    sheets: new Map(),      // path: the state of a sheet's table
    running: null,
    take: null,             // what to do with dropped files

    clear() {
        this.running?.abort();
        this.kinds.clear();
        this.sheets.clear();
        this.viewer?.close();
        this.take = null;
        $('rows-body').replaceChildren();
        $('crumbs').replaceChildren();
    },
};

const hashOf = (path) => '#/rows'
    + (path ? '/' + path.split('/').map(encodeURIComponent).join('/') : '');

const query = (pairs) => new URLSearchParams(pairs).toString();

function pathOfHash() {
    try {
        return location.hash.replace(/^#\/rows\/?/, '').split('/')
            .map(decodeURIComponent).join('/');
    } catch {
        return '';
    }
}

function crumbs(path, lastName) {
    const parts = path ? path.split('/') : [];
    const all = ['', ...parts.map((_, i) => parts.slice(0, i + 1).join('/'))];

    $('crumbs').hidden = !path;
    $('crumbs').replaceChildren(...all.map((p, i) => {
        const last = i === all.length - 1;
        const name = !i ? 'Space' : last && lastName || parts[i - 1];

        return el('li', {}, el('a', { href: hashOf(p),
                                      'aria-current': last && 'page' }, name));
    }));
}

// Shows what the hash names; the focus goes to its heading.
async function openPath(path, focus) {
    const stop = new AbortController();

    rows.running?.abort();
    rows.running = stop;
    rows.take = null;
    rows.viewer?.close();
    $('rows-error').replaceChildren();
    crumbs(path);

    if (!key) {
        $('rows-body').replaceChildren(welcome());
        return;
    }

    $('rows-body').setAttribute('aria-busy', 'true');

    try {
        await fetchPath(path, stop.signal);

        if (focus && !stop.signal.aborted) {
            $('rows-body').querySelector('h2')?.focus();
        }
    } catch (e) {
        if (e.name !== 'AbortError') {
            pathFailed(path, e);
        }
    } finally {
        if (rows.running === stop) {
            $('rows-body').removeAttribute('aria-busy');
        }
    }
}

function welcome() {
    return el('div.card.empty', {}, el('h2', { tabindex: '-1' },
        'Enter your API key to see what is stored'),
        el('p', {}, 'Folders, sheets and their rows belong to the tenant of'
           + ' the key.'));
}

function pathFailed(path, e) {
    // the root of a space is always there, where there are spaces
    if (e.status === 404 && (!path || /stores nothing/.test(e.message))) {
        $('rows-body').replaceChildren(el('div.card.empty', {},
            el('h2', { tabindex: '-1' }, 'Nothing is stored here'),
            el('p', {}, 'This backend reads images, and keeps none of them:'
               + ' it was started without a data folder (--data). “Read an'
               + ' image” works all the same.'),
            el('p', {}, el('a.button', { href: '#/read' },
                           'Read an image'))));
        say('This backend stores nothing.');
        return;
    }

    const again = button('Try again', () => {
        if (!blocked(again)) {
            openPath(path, true);
        }
    });

    $('rows-body').replaceChildren(el('p', {}, again));
    complain($('rows-error'), e, [again]);
}

async function fetchPath(path, signal) {
    const kind = path ? rows.kinds.get(path) : 'folder';

    if (kind === 'folder') {
        const a = await callJson('GET', '/space?' + query({ path, depth: 1 }),
                                 { signal });
        return showFolder(path, a.items, signal);
    }

    if (kind === 'sheet') {
        return openSheet(path, signal);
    }

    const a = await callJson('GET', '/view?' + query({ path }), { signal });

    rows.kinds.set(path, a.type);

    return a.type === 'folder' ? showFolder(path, a.items, signal)
        : a.type === 'sheet' ? openSheet(path, signal)
            : a.type === 'memo' ? showMemo(a) : openRow(path, a, signal);
}

function showMemo(a) {
    $('rows-body').replaceChildren(el('div.card', {},
        el('h2', { tabindex: '-1' }, text(a.name)),
        el('pre.memo', {}, text(a.text))));
}

function showFolder(path, list, signal) {
    const items = Array.isArray(list) ? list : [];

    signal.throwIfAborted();

    const lines = items.map((i) => {
        rows.kinds.set(i.path, i.type);
        return el('li', {}, el('a.item', { href: hashOf(i.path) },
            el('span.kind.kind-' + (['folder', 'sheet', 'memo']
                .includes(i.type) ? i.type : 'img'), { 'aria-hidden': 'true' }),
            el('span.item-name', {}, text(i.name)),
            el('span.note', {}, text(i.type), Number.isFinite(i.rows)
               ? ', ' + count(i.rows, 'row') : '')));
    });

    $('rows-body').replaceChildren(
        el('h2', { tabindex: '-1' }, path ? path.split('/').at(-1) : 'Space'),
        lines.length ? el('ul.items', { role: 'list' }, lines)
            : el('p.card.empty', {}, 'This folder is empty. Make a sheet for'
                 + ' your documents below.'),
        createForm(path));
}

// --- a new sheet or folder

function createForm(path) {
    const once = new Once(), fault = el('div');
    const name = el('input', { id: 'new-name', type: 'text', required: true,
                               maxlength: '128', autocomplete: 'off' });
    const what = el('div');
    const choice = new Choice(what, 'new-what', 'What its images are');
    const type = el('select', { id: 'new-type', onchange: () => {
        what.hidden = type.value !== 'sheet';
    } }, el('option', { value: 'sheet' }, 'Sheet'),
                    el('option', { value: 'folder' }, 'Folder'));
    const go = el('button.button.primary', { type: 'submit' }, 'Create');

    const create = async (e) => {
        const ask = type.value === 'sheet' ? choice.ask() : {};

        e.preventDefault();

        if (!ask || blocked(go)) {
            return;
        }

        // no columns and no template: fields are found for each image
        const { autoFields, fields, ...template } = ask;
        const json = { path, type: type.value, name: name.value, ...template,
                       ...(fields && { columns: fields }) };

        go.setAttribute('aria-disabled', 'true');
        fault.replaceChildren();

        try {
            const a = await callJson('POST', '/create', { json,
                headers: once.headers(JSON.stringify(json)) });

            rows.kinds.set(a.path, a.type);
            say('Created ' + json.name + '.');
            location.hash = hashOf(a.path);
        } catch (err) {
            complain(fault, err, [go]);
            if (err.wait) {
                return;
            }
        }

        go.removeAttribute('aria-disabled');
    };

    return el('details.card.new', {}, el('summary', {},
        'New sheet or folder'),
        el('form', { onsubmit: create },
           el('div.pair', {}, el('label', { for: 'new-name' }, 'Name'), name),
           el('div.pair', {}, el('label', { for: 'new-type' }, 'Kind'), type),
           what, el('div.actions', {}, go)), fault);
}

// --- a sheet's rows

const OPS = [['=', 'is'], ['!=', 'is not'], ['~', 'contains'], ['>', 'above'],
             ['>=', 'at least'], ['<', 'below'], ['<=', 'at most']];

async function openSheet(path, signal) {
    const state = rows.sheets.get(path) || { path, where: [], sort: '',
                                             limit: 25, offset: 0 };

    rows.sheets.set(path, state);
    await loadRows(state, signal);
    buildSheet(state);
}

function viewQuery(state, more) {
    const q = new URLSearchParams({ path: state.path, ...more });

    state.where.forEach((w) => q.append('where', w.column + w.op + w.value));

    if (state.sort) {
        q.append('sort', state.sort);
    }

    return '/view?' + q;
}

async function loadRows(state, signal) {
    const a = await callJson('GET', viewQuery(state, {
        boxes: 0, limit: state.limit, offset: state.offset }), { signal });

    signal?.throwIfAborted();
    state.answer = a;
    state.columns = Array.isArray(a.columns) ? a.columns : [];
    state.rows = Array.isArray(a.rows) ? a.rows : [];
}

function buildSheet(state) {
    const ui = { state, fault: el('div'), table: el('div'), pager: el('div'),
                 jobs: el('div'), filters: el('form.filters') };
    const file = el('input', { type: 'file', multiple: true, hidden: true,
        'aria-label': 'Image files', accept: $('file').accept,
        onchange: () => {
            stage(ui, [...file.files]);
            file.value = '';
        } });

    rows.take = (files) => stage(ui, files);

    ui.head = el('h2', { tabindex: '-1' }, text(state.answer.name));
    buildFilters(ui);
    showRows(ui);

    $('rows-body').replaceChildren(
        el('div.title', {}, ui.head, el('div.actions', {},
            button('Add images', () => file.click(), '.primary'), file,
            button('Download CSV', (e) => csv(ui, e.target)),
            button('Refresh', () => refresh(ui)))),
        ui.jobs, ui.filters, ui.fault, ui.table, ui.pager);
}

async function refresh(ui, change = {}, words = true) {
    Object.assign(ui.state, change);
    ui.fault.replaceChildren();
    ui.table.setAttribute('aria-busy', 'true');

    try {
        await loadRows(ui.state);
        showRows(ui);

        if (words) {
            say(span(ui.state) + '.');
        }
    } catch (e) {
        complain(ui.fault, e, ui.filters.querySelectorAll('.apply'));
    }

    ui.table.removeAttribute('aria-busy');
}

function span(state) {
    const { matched = 0, total = 0 } = state.answer, n = state.rows.length;

    return (n ? 'Rows ' + (state.offset + 1) + ' to ' + (state.offset + n)
                + ' of ' + matched : 'No rows')
        + (matched !== total ? ' that match, ' + total + ' in all' : '');
}

const plainColumns = (state) => state.columns
    .filter((c) => c?.type !== 'array').map((c) => text(c?.name));

function buildFilters(ui) {
    const names = ['name', ...plainColumns(ui.state), 'ocrStatus'];
    const list = el('div.conditions');

    const add = (w = { column: names[0], op: '~', value: '' }) => {
        const option = (v, label, chosen) => el('option',
            { value: v, selected: v === chosen }, label);
        const line = el('div.condition', { role: 'group',
                                           'aria-label': 'Condition' },
            el('select', { 'aria-label': 'Column' },
               names.map((n) => option(n, n, w.column))),
            el('select', { 'aria-label': 'Comparison' },
               OPS.map(([v, label]) => option(v, label, w.op))),
            el('input', { type: 'text', 'aria-label': 'Value',
                          value: w.value, autocomplete: 'off' }),
            button('×', () => {
                line.remove();
                more.focus();
                apply();
            }, '.small', { 'aria-label': 'Remove the condition' }));

        list.append(line);
        return line;
    };

    const apply = (e) => {
        e?.preventDefault();

        if (blocked(go)) {
            return;
        }

        const where = [...list.children].map((line) => {
            const [column, op, value] = line.querySelectorAll('select, input');
            return { column: column.value, op: op.value,
                     value: value.value.trim() };
        }).filter((w) => w.value);

        refresh(ui, { where, offset: 0 });
    };

    const more = button('Add condition', () => {
        add().querySelector('input').focus();
    });
    const go = el('button.button.apply', { type: 'submit' }, 'Filter');

    ui.state.where.forEach(add);
    if (!list.children.length) {
        add();
    }
    ui.filters.append(list, el('div.actions', {}, go, more));
    ui.filters.setAttribute('aria-label', 'Filter');
    ui.filters.addEventListener('submit', apply);
}

function sortHead(ui, name, label = name) {
    const [by, how] = ui.state.sort.split(/:(?=[a-z]+$)/);
    const now = by === name ? how : '';
    const next = now === 'asc' ? 'desc' : 'asc';

    return el('th', { scope: 'col', 'aria-sort': now === 'asc' ? 'ascending'
                      : now === 'desc' && 'descending' },
        el('button.sort', { type: 'button', 'data-sort': name, onclick:
            async () => {
                await refresh(ui, { sort: name + ':' + next, offset: 0 });
                [...ui.table.querySelectorAll('.sort')].find((b) =>
                    b.dataset.sort === name)?.focus();
            } }, label, el('span.arrow', { 'aria-hidden': 'true' },
                           now === 'asc' ? '▲' : now ? '▼' : '')));
}

function status(value) {
    const known = ['done', 'pending', 'processing', 'failed'];
    const s = text(value);

    return el('span.status' + (known.includes(s) ? '.' + s : ''), {},
              s || 'unknown');
}

function showRows(ui) {
    const { state } = ui;
    const columns = state.columns.length ? state.columns
        : [...new Set(state.rows.flatMap((r) => Object.keys(r.values ?? {})))]
            .filter((n) => n !== 'field_bboxes').map((name) => ({ name }));
    const sortable = new Set(plainColumns(state));
    const value = (row, c) => {
        const v = own(row.values, c.name);
        return Array.isArray(v) ? count(v.length, 'row') : text(v);
    };

    const cellOf = (v) => el('td' + (v.length > 32 ? '.long' : ''), {}, v);

    const lines = state.rows.map((row) => {
        const to = state.path + '/' + row.rowKey;

        rows.kinds.set(to, 'img');
        return el('tr', {}, el('th', { scope: 'row' },
                el('a', { href: hashOf(to) }, text(row.name) || row.rowKey)),
            el('td', {}, status(row.ocrStatus)),
            columns.map((c) => cellOf(value(row, c))),
            el('td', {}, when(row.createdAt)));
    });

    const table = el('table.rows', {},
        el('caption', {}, span(state)),
        el('thead', {}, el('tr', {}, sortHead(ui, 'name', 'Name'),
            sortHead(ui, 'ocrStatus', 'Status'),
            columns.map((c) => sortable.has(c.name) ? sortHead(ui, c.name)
                : el('th', { scope: 'col' }, text(c.name))),
            sortHead(ui, 'createdAt', 'Added'))),
        el('tbody', {}, lines));

    ui.table.replaceChildren(lines.length ? wide(table, 'Rows of '
        + text(state.answer.name)) : el('p.card.empty', {}, state.where.length
            ? 'No row matches.' : 'This sheet has no rows yet. Add images, or'
              + ' drop them here.'));
    showPager(ui);
}

function showPager(ui) {
    const { state } = ui, next = state.answer.nextOffset ?? null;
    const go = (label, offset) => button(label, async (e) => {
        if (!blocked(e.target)) {
            await refresh(ui, { offset });
            ui.head.focus();
        }
    }, '', offset === null ? { 'aria-disabled': 'true' } : {});
    const limit = el('select', { id: 'limit', onchange: async () => {
        await refresh(ui, { limit: Number(limit.value), offset: 0 });
        $('limit').focus();
    } }, [10, 25, 50, 100].map((n) => el('option',
        { value: n, selected: n === state.limit }, String(n))));

    ui.pager.replaceChildren(el('div.pager', {},
        go('Previous', state.offset
           ? Math.max(0, state.offset - state.limit) : null),
        go('Next', next),
        el('label', { for: 'limit' }, 'Rows a page'), limit));
}

async function csv(ui, from) {
    if (blocked(from)) {
        return;
    }

    from.setAttribute('aria-disabled', 'true');
    ui.fault.replaceChildren();

    try {
        const r = await call('GET', viewQuery(ui.state, { format: 'csv' }));
        const name = text(ui.state.answer.name).replace(/[\\/:*?"<>|]/g, '_');

        save(await r.blob(), name + '.csv');
        say('The CSV file is downloaded.');
        from.removeAttribute('aria-disabled');
    } catch (e) {
        from.removeAttribute('aria-disabled');
        complain(ui.fault, e, [from]);
    }
}

// --- images for a sheet

// Shows what is about to be sent, and what it costs.
async function stage(ui, files) {
    const problems = (await Promise.all(files.map(problemOf))).filter(Boolean);

    if (files.length > MAX_FILES) {
        problems.push('At most ' + MAX_FILES + ' images can be sent at once;'
                      + ' these are ' + files.length + '.');
    }

    if (problems.length) {
        complain(ui.jobs, new Fault('invalid_image', problems.join(' ')));
        return;
    }

    const once = new Once(), fault = el('div');
    const go = button('Upload ' + count(files.length, 'image'), async () => {
        if (!blocked(go)) {
            go.setAttribute('aria-disabled', 'true');
            fault.replaceChildren();
            await upload(ui, files, once, fault, go);
        }
    }, '.primary');

    ui.jobs.replaceChildren(el('div.card', {},
        el('h3', {}, 'To be uploaded'),
        el('ul.files', {}, files.map((f) => el('li', {}, f.name + ' ',
            el('span.note', {}, size(f.size))))),
        el('p.note', {}, 'Each image costs one scan; one that cannot be read'
           + ' is refunded.'),
        el('div.actions', {}, go, button('Cancel', () => {
            ui.jobs.replaceChildren();
            ui.head.focus();
        })), fault));
    go.focus();
    say(count(files.length, 'image') + ' to be uploaded.');
}

async function upload(ui, files, once, fault, go) {
    const form = new FormData();
    let jobs;

    form.append('path', ui.state.path);
    files.forEach((f) => form.append('files', f, f.name));
    say('Uploading.');

    try {
        const a = await callJson('POST', '/upload', { form,
                                 headers: once.headers('this batch') });
        jobs = Array.isArray(a.jobs) ? a.jobs : [];
    } catch (e) {
        // it may have been carried out: a repeat keeps its Idempotency-Key
        go.removeAttribute('aria-disabled');
        complain(fault, e, [go]);
        return;
    }

    await follow(ui, jobs);
}

// Asks for the jobs, the oldest first, until all have ended.
async function follow(ui, jobs) {
    const list = el('ul.files', {}), sum = el('p.note'), of = jobs.length;
    const over = (j) => j.status === 'done' || j.status === 'failed';
    const box = el('div.card', {}, el('h3', { tabindex: '-1' }, 'Upload'),
                   sum, list);

    const show = () => {
        const failed = jobs.filter((j) => j.status === 'failed').length;

        sum.textContent = jobs.filter(over).length + ' of ' + of + ' read'
            + (failed ? ', ' + failed + ' failed and refunded' : '');
        list.replaceChildren(...jobs.map((j) => el('li', {},
            text(j.originalName) + ' ', status(j.status),
            j.error ? el('span.note', {}, ' ' + text(j.error.message))
                    : null)));
    };

    ui.jobs.replaceChildren(box);
    box.querySelector('h3').focus();
    show();

    for (let wait = 600; box.isConnected;) {
        const job = jobs.find((j) => !over(j));

        if (!job) {
            break;
        }

        await pause(wait);

        try {
            const path = '/jobs/' + encodeURIComponent(job.jobId);
            const { status: s, error } = await callJson('GET', path);

            wait = s === job.status ? Math.min(wait * 1.5, 5000) : 600;
            Object.assign(job, { status: s, error });
            show();
        } catch (e) {
            if (e.status === 404 || e.code === 'no_key') {
                Object.assign(job, { status: 'failed', error: e });
            }
            wait = Math.max(e.wait * 1000, Math.min(wait * 2, 10000));
        }
    }

    if (box.isConnected) {
        say(sum.textContent + '.');
        box.append(el('div.actions', {}, button('Close', () => {
            ui.jobs.replaceChildren();
            ui.head.focus();
        }, '.small')));
        await refresh(ui, {}, false);
        balance();
    }
}

// --- one row: its image and what was read

function openRow(path, a, signal) {
    const sheet = path.split('/').slice(0, -1).join('/');
    const known = rows.sheets.get(sheet)?.rows ?? [];
    const at = known.findIndex((r) => path.endsWith('/' + r.rowKey));
    const link = (label, row) => row
        ? el('a.button', { href: hashOf(sheet + '/' + row.rowKey) }, label)
        : null;
    const hero = el('div.hero'), side = el('div.side'), fault = el('div');

    signal.throwIfAborted();
    crumbs(path, text(a.name) || text(a.rowKey));
    $('rows-body').replaceChildren(
        el('div.title', {}, el('h2', { tabindex: '-1' }, text(a.name) || 'Row'),
           el('div.actions', {}, status(a.ocrStatus),
              link('Previous row', at > 0 && known[at - 1]),
              link('Next row', at >= 0 && known[at + 1]),
              el('a.button', { href: hashOf(sheet) }, 'Back to the sheet'))),
        el('div.split', {}, hero, el('div.side', {}, fault, side)));

    rows.viewer = new Viewer(hero);

    if (a.error) {
        complain(fault, new Fault(text(a.error.code), text(a.error.message)));
    }

    if (a.ocrStatus === 'done' || !a.ocrStatus) {
        showResult(side, rows.viewer, a.values, a.field_bboxes,
                   { warnings: a.warnings });
    } else if (!a.error) {
        side.replaceChildren(el('p.card', {}, 'This image has not been read'
                                + ' yet.'));
    }

    openImage(a, signal, fault);
}

async function openImage(a, signal, fault) {
    const viewer = rows.viewer;

    try {
        const url = new URL(text(a.imageUrl), location.origin);

        // the key is for this server alone
        if (url.origin !== location.origin) {
            throw new Fault('foreign_image', 'The image is on another server'
                            + ' and is not shown.');
        }

        const r = await call('GET', url.pathname + url.search, { signal });
        const blob = await r.blob();

        signal.throwIfAborted();

        const items = viewer.items;
        viewer.open(blob, text(a.name));
        viewer.draw(items);
    } catch (e) {
        if (e.name !== 'AbortError') {
            complain(fault, e);
        }
    }
}


// --- tabs and start

function route() {
    const stored = location.hash.startsWith('#/rows');
    const was = !$('view-rows').hidden;

    for (const [id, on] of [['read', !stored], ['rows', stored]]) {
        $('view-' + id).hidden = !on;
        $('tab-' + id).setAttribute('aria-selected', String(on));
        $('tab-' + id).tabIndex = on ? 0 : -1;
    }

    document.title = (stored ? 'Stored rows' : 'Read an image') + ' · spocr';

    if (stored) {
        openPath(pathOfHash(), was);
    } else {
        rows.running?.abort();
        reader.viewer.layout();
    }
}

function startTabs() {
    const tabs = [$('tab-read'), $('tab-rows')];

    tabs.forEach((tab, i) => {
        tab.addEventListener('click', () => {
            location.hash = i ? '#/rows' : '#/read';
        });
        tab.addEventListener('keydown', (e) => {
            const to = { ArrowLeft: 0, ArrowRight: 1, Home: 0, End: 1 }[e.key];

            if (to !== undefined) {
                e.preventDefault();
                tabs[to].focus();
                tabs[to].click();
            }
        });
    });
}

function start() {
    startReader();
    startDrop();
    startTabs();
    showKey();
    $('key-form').addEventListener('submit', useKey);
    $('key-forget').addEventListener('click', forgetKey);
    window.addEventListener('hashchange', route);

    // Escape takes the light off the boxes
    document.addEventListener('keydown', (e) => {
        if (e.key === 'Escape') {
            for (const viewer of [reader.viewer, rows.viewer]) {
                viewer?.pin(null);
                viewer?.off();
            }
        }
    });

    route();
    balance();
}

start();
