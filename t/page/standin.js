// A stand-in for gateway and backend: the page with its headers, and canned
// answers of the shapes of the real ones.  Used by drive.js.

'use strict';

const fs = require('fs');
const http = require('http');

const KEY = 'spocr_pagetestkey0123456789';
const CSP = "default-src 'none'; script-src 'self'; style-src 'self';"
    + " img-src 'self' blob: data:; connect-src 'self'; base-uri 'none';"
    + " form-action 'none'; frame-ancestors 'none'";
const FILES = { '/': ['index.html', 'text/html; charset=utf-8'],
    '/assets/page.js': ['page.js', 'text/javascript; charset=utf-8'],
    '/assets/page.css': ['page.css', 'text/css; charset=utf-8'] };

const EVIL = '<img src=x onerror="window.evil=1">';

const read = (name) => JSON.parse(fs.readFileSync(name, 'utf8'));

function box(x0, y0, x1, y1, ratio, source) {
    const v = (x, y) => ({ x, y });

    return { bbox: { xmin: x0, ymin: y0, xmax: x1, ymax: y1 },
             vertices: [v(x0, y0), v(x1, y0), v(x1, y1), v(x0, y1)],
             match_ratio: ratio, bbox_source: source };
}

// A real answer, and beside it what a hostile document might have in it.
function fieldsAnswer() {
    const a = read('t/page/answer.json');
    const { field_bboxes: boxes, ...values } = a.data;

    values.po_number = 'PO 77l8';
    boxes.po_number = box(846, 243, 916, 255, 0.714, 'low_confidence');
    values.note = EVIL;
    boxes.note = box(85, 906, 420, 918, 0.914, 'vision_symbol_match');
    values.constructor = '';
    values['<b>name</b>'] = '</ul><script>window.evil=2</script>';

    return { ...a, data: { ...values, field_bboxes: boxes },
             warnings: [{ code: 'damaged_image',
                          message: 'Parts may be missing ' + EVIL }] };
}

const COLUMNS = [{ name: 'vendor', type: 'string' },
    { name: 'invoice_no', type: 'string' }, { name: 'total', type: 'string' },
    { name: 'line_items', type: 'array', children: [
        { name: 'description', type: 'string' }] }];

const NAMES = ['Alderbrook Instruments Ltd', 'Feldmühle Backwaren GmbH',
    'Pebble & Pine Market', 'Harbour Glass Works', EVIL];

function row(i) {
    const { field_bboxes: _, ...values } = fieldsAnswer().data;

    return { rowKey: 'k' + String(i).padStart(19, '0'),
        name: i === 1 ? EVIL : 'scan-' + String(i).padStart(3, '0') + '.png',
        imageUrl: '/images/k' + String(i).padStart(19, '0'),
        ocrStatus: i === 3 ? 'failed' : i === 4 ? 'processing' : 'done',
        requestId: 'req_' + i, createdAt: 1767225600000 + i * 3600000,
        values: i === 3 || i === 4 ? {} : { ...values,
            vendor: NAMES[i % NAMES.length], total: (i * 171.5).toFixed(2) } };
}

class StandIn {
    constructor() {
        this.calls = [];
        this.next = [];         // answers to give first, but not /amount's
        this.polls = 0;
        this.stateless = false;
        this.made = [];
        this.server = http.createServer((q, r) => this.take(q, r));
    }

    listen() {
        return new Promise((done) => {
            this.server.listen(0, '127.0.0.1', () => {
                this.origin = 'http://127.0.0.1:' + this.server.address().port;
                done();
            });
        });
    }

    close() {
        this.server.close();
        this.server.closeAllConnections?.();
    }

    // the calls of a path, the last first
    of(path) {
        return this.calls.filter((c) => c.path === path).reverse();
    }

    async got(path, n) {
        for (let i = 0; this.of(path).length < n && i < 500; i++) {
            await new Promise((done) => setTimeout(done, 20));
        }
    }

    take(q, r) {
        const parts = [];

        q.on('data', (d) => parts.push(d));
        q.on('end', () => {
            const url = new URL(q.url, 'http://x');

            this.serve({ method: q.method, path: url.pathname,
                         query: url.searchParams, headers: q.headers,
                         url: q.url, body: Buffer.concat(parts) }, r);
        });
    }

    serve(c, r) {
        const file = FILES[c.path];

        this.calls.push(c);

        if (file && c.method === 'GET') {
            r.writeHead(200, { 'Content-Type': file[1],
                'Content-Security-Policy': CSP,
                'X-Content-Type-Options': 'nosniff', Connection: 'close',
                'Referrer-Policy': 'no-referrer' });
            r.end(fs.readFileSync('backend/page/' + file[0]));
            return;
        }

        const a = c.path !== '/amount' && this.next.shift()
            || this.answer(c);

        if (a === 'cut') {
            r.destroy();
            return;
        }

        // a browser repeats a request that is lost on a connection kept alive
        const send = () => {
            r.writeHead(a.status || 200, { 'X-Request-Id': 'req_standin1',
                Connection: 'close', 'Content-Type': 'application/json',
                ...a.headers });
            r.end(a.bytes ?? JSON.stringify(a.json));
        };

        a.hold ? a.hold.then(send) : send();
    }

    fault(status, code, message, details) {
        return { status, json: { error: { code, message,
                                          requestId: 'req_standin1' },
                                 details } };
    }

    answer(c) {
        if (c.headers.authorization !== 'Bearer ' + KEY) {
            return this.fault(403, 'forbidden', 'Unknown key');
        }

        if (c.path === '/ocr/fields') {
            return { json: fieldsAnswer() };
        }

        if (this.stateless) {
            return this.fault(404, 'not_found', 'This backend stores nothing:'
                              + ' it was started without --data');
        }

        const name = c.method + ' ' + c.path.split('/')[1];

        return this[name] ? this[name](c)
                          : this.fault(404, 'not_found', 'No such path');
    }

    'GET amount'() {
        return { json: { free: { used: 18, limit: 100, remaining: 82,
                                 cycleStart: 1, cycleEnd: 2 },
            flatfee: { enabled: false, used: 0, limit: 0, remaining: 0 },
            balance: 40, currency: 'scans', perCallCost: 1, priceYen: 10 } };
    }

    'GET space'(c) {
        const path = c.query.get('path'), under = path ? path + '/' : '';
        const item = (name, type, more) => ({ path: under + name, name, type,
            uniqueKey: 'u' + name.length, parent: path, createdAt: 1,
            ...more });
        const items = path === '' ? [item('Invoices', 'folder'),
            item(EVIL.replaceAll('.', ''), 'folder'),
            item('Notes', 'memo')] : [item('2026', 'sheet', { rows: 37 })];

        return { json: { path, depth: 1, items: [...items, ...this.made
            .filter((m) => m.parent === path)] } };
    }

    'GET view'(c) {
        const path = c.query.get('path'), parts = path.split('/');

        if (c.query.get('format') === 'csv') {
            return { headers: { 'Content-Type': 'text/csv; charset=utf-8' },
                     bytes: '\ufeffname,total\r\na.png,1\r\n' };
        }

        if (path === 'Notes') {
            return { json: { type: 'memo', path, name: path, text: EVIL } };
        }

        if (/^k0/.test(parts.at(-1))) {
            const r = row(Number(parts.at(-1).slice(1)));

            return { json: { type: 'img', path, ...r,
                values: r.values, ...(r.ocrStatus === 'failed' && { error: {
                    code: 'ocr_engine_error',
                    message: 'There is no text in the image' } }),
                field_bboxes: fieldsAnswer().data.field_bboxes } };
        }

        return { json: this.sheet(path, c.query) };
    }

    sheet(path, query) {
        const limit = Number(query.get('limit')), all = 37;
        const offset = Number(query.get('offset'));
        const matched = query.has('where') ? 3 : all;
        const n = Math.min(limit, matched - offset);

        return { type: 'sheet', path, uniqueKey: 'usheet', name: '2026',
            columns: COLUMNS, total: all, matched, offset, limit,
            nextOffset: offset + n < matched ? offset + n : null,
            rows: Array.from({ length: n }, (_, i) => row(offset + i)) };
    }

    'GET images'() {
        return { headers: { 'Content-Type': 'image/png',
                            'Content-Security-Policy': 'sandbox' },
                 bytes: fs.readFileSync('backend/samples/invoice-a4.png') };
    }

    'POST create'(c) {
        const o = JSON.parse(c.body), path = (o.path ? o.path + '/' : '')
            + o.name;

        this.made.push({ path, name: o.name, type: o.type, parent: o.path,
                         uniqueKey: 'unew', createdAt: 1, rows: 0 });
        return { status: 201, json: { path, type: o.type,
                                      uniqueKey: 'unew' } };
    }

    'POST upload'() {
        this.polls = 0;
        return { json: { path: 'Invoices/2026', sheetRef: 'usheet',
            jobs: [0, 1].map((i) => ({ uniqueKey: 'k' + i, originalName: i
                ? EVIL : 'invoice-a4.png', jobId: 'job_' + i,
                status: 'pending' })) } };
    }

    'GET jobs'(c) {
        const jobId = c.path.split('/')[2], last = jobId === 'job_1';
        const status = ++this.polls < 2 ? 'processing'
            : last ? 'failed' : 'done';

        return { json: { jobId, status, originalName: 'x',
            ...(status === 'failed' && { error: { code: 'ocr_engine_error',
                message: 'There is no text in the image' } }) } };
    }
}

module.exports = { StandIn, KEY, EVIL };
