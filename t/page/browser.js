// Drives Chromium by the DevTools protocol over a pipe: no package is needed,
// nothing listens.  Used by drive.js.

'use strict';

const { spawn } = require('child_process');
const { EventEmitter, once } = require('events');
const fs = require('fs');
const os = require('os');
const path = require('path');

const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu',
    '--disable-quic', '--no-first-run', '--no-default-browser-check',
    '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-default-apps', '--disable-extensions',
    '--disable-dev-shm-usage', '--disable-domain-reliability',
    '--disable-features=Translate,OptimizationHints,MediaRouter',
    '--password-store=basic', '--use-mock-keychain', '--metrics-recording-only',
    '--force-color-profile=srgb', '--lang=en-GB', '--remote-debugging-pipe'];

const WAIT = 10000;

class Browser extends EventEmitter {
    constructor(program) {
        super();
        this.home = fs.mkdtempSync(path.join(os.tmpdir(), 'spocr-page-'));
        this.calls = new Map();
        this.last = 0;
        this.rest = '';
        this.log = fs.openSync(path.join(this.home, 'log'), 'w');
        this.child = spawn(program, [...FLAGS, '--user-data-dir='
            + path.join(this.home, 'profile'), 'about:blank'], {
            stdio: ['ignore', this.log, this.log, 'pipe', 'pipe'],
            env: { ...process.env, HOME: this.home, TZ: 'UTC' },
            detached: true,
        });
        this.child.on('exit', () => this.over());
        this.child.on('error', (e) => this.over(e));
        this.child.stdio[3].on('error', () => {});
        this.child.stdio[4].setEncoding('utf8');
        this.child.stdio[4].on('data', (text) => this.read(text));
    }

    over(e) {
        this.ended = true;
        for (const { failed, method } of this.calls.values()) {
            failed(e || new Error('the browser ended during ' + method));
        }
        this.calls.clear();
    }

    read(text) {
        const parts = (this.rest + text).split('\0');

        this.rest = parts.pop();

        for (const part of parts) {
            const m = JSON.parse(part), c = this.calls.get(m.id);

            if (!m.id) {
                this.emit(m.method, m.params, m.sessionId);
            } else if (c) {
                this.calls.delete(m.id);
                m.error ? c.failed(new Error(c.method + ': '
                                             + m.error.message))
                        : c.done(m.result);
            }
        }
    }

    send(method, params = {}, sessionId = undefined) {
        const id = ++this.last;

        return new Promise((done, failed) => {
            if (this.ended) {
                failed(new Error('the browser has ended'));
                return;
            }
            this.calls.set(id, { done, failed, method });
            this.child.stdio[3].write(JSON.stringify(
                { id, method, params, sessionId }) + '\0');
        });
    }

    async close() {
        if (!this.ended) {
            const ended = once(this.child, 'exit');

            this.send('Browser.close').catch(() => {});
            await Promise.race([ended, new Promise((done) => {
                setTimeout(done, 3000).unref();
            })]);
        }

        try {
            process.kill(-this.child.pid, 'SIGKILL');   // its helpers, too
        } catch { /* all have ended */ }

        fs.closeSync(this.log);
        fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 5,
                               retryDelay: 100 });
    }
}

// One tab, and what was to be seen of it.
class Page {
    static async open(browser) {
        const { targetId } = await browser.send('Target.createTarget',
                                                { url: 'about:blank' });
        const { sessionId } = await browser.send('Target.attachToTarget',
            { targetId, flatten: true });
        const page = new Page(browser, sessionId);

        for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'DOM',
                              'Accessibility']) {
            await page.send(domain + '.enable');
        }

        await page.send('Page.addScriptToEvaluateOnNewDocument', { source:
            'window.csp = []; addEventListener("securitypolicyviolation",'
            + ' (e) => csp.push(e.violatedDirective + " " + e.blockedURI))' });
        return page;
    }

    constructor(browser, session) {
        const mine = (f) => (params, s) => s === session && f(params);

        this.browser = browser;
        this.session = session;
        this.errors = [];
        this.urls = [];

        browser.on('Runtime.exceptionThrown', mine((p) => this.errors.push(
            p.exceptionDetails.exception?.description
            || p.exceptionDetails.text)));
        browser.on('Runtime.consoleAPICalled', mine((p) => this.errors.push(
            'console.' + p.type + ': '
            + p.args.map((a) => a.value ?? a.description).join(' '))));
        browser.on('Log.entryAdded', mine(({ entry }) => {
            // a 4xx or a lost connection is logged as well, and is asked for
            if (entry.source !== 'network') {
                this.errors.push(entry.source + ': ' + entry.text);
            }
        }));
        browser.on('Network.requestWillBeSent', mine((p) => this.urls.push(
            p.request.url)));
    }

    send(method, params) {
        return this.browser.send(method, params, this.session);
    }

    async goto(url) {
        const loaded = new Promise((done) => {
            const f = (_, s) => {
                if (s === this.session) {
                    this.browser.off('Page.loadEventFired', f);
                    done();
                }
            };
            this.browser.on('Page.loadEventFired', f);
        });

        await (url ? this.send('Page.navigate', { url })
                   : this.send('Page.reload'));
        await loaded;
    }

    async eval(expression) {
        const r = await this.send('Runtime.evaluate', { expression,
            awaitPromise: true, returnByValue: true, userGesture: true });

        if (r.exceptionDetails) {
            throw new Error(expression + ': ' + (r.exceptionDetails.exception
                ?.description || r.exceptionDetails.text));
        }
        return r.result.value;
    }

    // waits until an expression is true; its value, or undefined in vain
    async until(expression) {
        const end = Date.now() + WAIT;

        for (;;) {
            const value = await this.eval(expression);

            if (value) {
                return value;
            }
            if (Date.now() > end) {
                console.log('# waited in vain for ' + expression);
                return value;
            }
            await new Promise((done) => setTimeout(done, 30));
        }
    }

    // where the middle of an element is, in the window
    point(expression) {
        return this.eval(`(() => {
            const e = ${expression};
            e.scrollIntoView({ block: 'nearest' });
            const r = e.getBoundingClientRect();
            return { x: r.x + r.width / 2, y: r.y + r.height / 2 };
        })()`);
    }

    async move(at) {
        const { x, y } = typeof at === 'string' ? await this.point(at) : at;

        await this.send('Input.dispatchMouseEvent',
                        { type: 'mouseMoved', x, y });
    }

    async click(expression) {
        const at = await this.point(expression);

        for (const type of ['mousePressed', 'mouseReleased']) {
            await this.send('Input.dispatchMouseEvent', { type, ...at,
                button: 'left', clickCount: 1 });
        }
    }

    async press(key, modifiers = 0) {
        const codes = { Tab: 9, Enter: 13, Escape: 27, ArrowLeft: 37,
                        ArrowUp: 38, ArrowRight: 39, ArrowDown: 40 };
        const o = { key, code: key, windowsVirtualKeyCode: codes[key],
                    modifiers, ...(key === 'Enter' && { text: '\r' }) };

        await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...o });
        await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...o });
    }

    type(text) {
        return this.send('Input.insertText', { text });
    }

    async choose(selector, ...files) {
        const { root } = await this.send('DOM.getDocument');
        const { nodeId } = await this.send('DOM.querySelector',
            { nodeId: root.nodeId, selector });

        await this.send('DOM.setFileInputFiles', { nodeId, files });
    }

    async drop(selector, ...files) {
        const at = await this.point(`document.querySelector('${selector}')`);
        const data = { items: [], files, dragOperationsMask: 1 };

        for (const type of ['dragEnter', 'dragOver', 'drop']) {
            await this.send('Input.dispatchDragEvent', { type, ...at, data });
        }
    }

    size(width, height) {
        return this.send('Emulation.setDeviceMetricsOverride', { width, height,
            deviceScaleFactor: 1, mobile: false });
    }

    media(features) {
        return this.send('Emulation.setEmulatedMedia', {
            features: Object.entries(features).map(([name, value]) => (
                { name, value })) });
    }

    // the accessibility tree, flat: { role, name, properties }
    async tree() {
        const { nodes } = await this.send('Accessibility.getFullAXTree');

        return nodes.filter((n) => !n.ignored).map((n) => ({
            role: n.role?.value, name: n.name?.value ?? '',
            ...Object.fromEntries((n.properties ?? []).map((p) => [
                p.name, p.value.value])) }));
    }

    async shot(file, whole = false) {
        const { data } = await this.send('Page.captureScreenshot',
            { format: 'png', captureBeyondViewport: whole });

        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, Buffer.from(data, 'base64'));
    }
}

module.exports = { Browser, Page };
