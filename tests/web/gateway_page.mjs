// Opens the gateway's page in headless Chromium and looks through a camera. usage: node gateway_page.mjs URL SCREENSHOTS
// MODULES
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [url, screenshots, modules] = process.argv.slice(2)
const { chromium } = createRequire(modules)('playwright-core')
mkdirSync(screenshots, { recursive: true })
const profile = mkdtempSync(join(tmpdir(), 'lineside-page-'))
const kWait = { timeout: 30_000 }
const complaints = []
let asked = 0

function expect(condition, text) {
  if (!condition) throw new Error(text)
  console.log(`ok   ${text}`)
}
const shot = (page, name) => page.screenshot({ path: join(screenshots, `${name}.png`) })

const browser = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking'],
  viewport: { width: 1360, height: 1000 },
  colorScheme: 'light',
})
try {
  const page = browser.pages()[0] ?? (await browser.newPage())
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => (asked += request.url().includes('/live/') ? 1 : 0))
  await page.goto(url)
  await page.getByText('caps').first().waitFor(kWait)
  await page.waitForTimeout(2000)
  expect(asked === 0, 'no picture is asked for while nobody looks')
  for (const camera of ['caps', 'labels']) {
    await page.getByText(`See ${camera} live`).click()
    const image = page.getByAltText(`what ${camera} sees now`)
    await image.waitFor(kWait)
    const first = await image.getAttribute('src')
    await page.waitForFunction(([alt, src]) => document.querySelector(`img[alt="${alt}"]`).src.endsWith(src) === false,
      [`what ${camera} sees now`, first], kWait)
    expect((await image.evaluate((node) => node.naturalWidth)) > 0, `${camera} is seen, and seen again`)
  }
  const before = asked
  await page.waitForTimeout(4000)
  expect(asked - before >= 4 && asked - before <= 17, `about two pictures a second for each of two cameras: ${asked - before} in 4 s`)
  expect(await page.evaluate(() => document.querySelectorAll('details.live[open]').length === 2), 'the boxes stay open')
  await shot(page, 'gateway-1-live')
  await page.getByText(/pump\/t5 is high: 5\.\d bar \(limit 5 bar\)/).waitFor(kWait)
  const first = page.locator('#tags tr').first()
  expect(/^pump\/t5\s*5\.\d bar\s*good/.test(await first.innerText()), 'the tag beyond its limit comes first')
  expect((await page.locator('#tags tr').count()) === 14, 'every tag is there')
  await page.getByRole('searchbox').fill('T1')
  await page.waitForFunction(() => document.querySelectorAll('#tags tr').length === 5, null, kWait)  // t1, t10 to t13
  await page.getByRole('searchbox').fill('')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.waitForTimeout(700)
  await shot(page, 'gateway-2-live-dark')
  await page.setViewportSize({ width: 390, height: 844 })
  await page.waitForTimeout(1500)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(wide <= 0, 'nothing is wider than a phone')
  await shot(page, 'gateway-3-live-phone')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.waitForTimeout(700)
  await shot(page, 'gateway-4-live-phone-light')
  for (const camera of ['caps', 'labels']) await page.getByText(`See ${camera} live`).click()
  await page.waitForTimeout(1500)
  const closed = asked
  await page.waitForTimeout(2500)
  expect(asked === closed, 'nothing is asked for any more once the boxes are closed')
  // A camera that is asked twice in a moment may answer 503: the browser says so by itself.
  const odd = complaints.filter((text) => !text.includes('503'))
  expect(odd.length === 0, `no complaint in the browser's console${odd.length ? ': ' + odd.join(' | ') : ''}`)
} catch (error) {
  console.error(`FAILED: ${error.message}`)
  if (complaints.length) console.error(`console: ${complaints.join(' | ')}`)
  await shot(browser.pages()[0], 'gateway-failed').catch(() => {})
  process.exitCode = 1
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}
