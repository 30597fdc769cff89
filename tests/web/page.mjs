// Opens the hub's page in headless Chromium: signs in, sees counts move, looks at it light, dark and on a phone, and
// fails on anything in the browser's console. usage: node page.mjs URL PASSWORD SCREENSHOTS MODULES
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [url, password, screenshots, modules] = process.argv.slice(2)
const { chromium } = createRequire(modules)('playwright-core')
mkdirSync(screenshots, { recursive: true })
const profile = mkdtempSync(join(tmpdir(), 'lineside-web-'))
const kWait = { timeout: 30_000 }
const complaints = []

function expect(condition, text) {
  if (!condition) throw new Error(text)
  console.log(`ok   ${text}`)
}
const shot = (page, name) => page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true })
const number = async (locator) => Number((await locator.innerText()).replace(/\D/g, ''))

function listen(page) {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
}

async function signIn(page) {
  await page.goto(url)
  await page.getByLabel('User').waitFor(kWait)
  await shot(page, '1-sign-in')
  await page.getByLabel('User').fill('admin')
  await page.getByLabel('Password', { exact: true }).fill('not the password')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByText('user name or the password is wrong').waitFor(kWait)
  expect(complaints.splice(0).every((text) => text.includes('401')), 'a wrong password is told in words')
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Stations' }).waitFor(kWait)
  // Asking who is signed in, before anybody is, is answered 401: the browser says so by itself.
  complaints.length = 0
}

async function overview(page) {
  await page.getByText('Camera lost').first().waitFor(kWait)
  await page.getByText('No link to the gateway').first().waitFor(kWait)
  const card = page.locator('.cards').getByRole('link', { name: /line-1/ })
  const before = await number(card.getByTestId('items'))
  await page.waitForTimeout(2500)
  const after = await number(card.getByTestId('items'))
  expect(before > 0 && after > before, `counts move on the overview (${before}, then ${after})`)
  await shot(page, '2-overview')
}

async function machine(page, name) {
  await page.goto(`${url}machines/filling/${name}`)
  await page.getByRole('heading', { name: 'Furthest from normal' }).waitFor(kWait)
  await page.getByTestId('waiting-urgent').waitFor(kWait)
  await page.waitForTimeout(1500)
}

async function machines(page) {
  await page.goto(url)
  await page.locator('.cards').getByRole('link', { name: /motor-2/ }).click()
  await page.getByText('Far from normal', { exact: true }).waitFor(kWait)
  expect((await page.getByTestId('score').innerText()) === '261 %', 'the score of a machine is told in percent of the threshold')
  await machine(page, 'motor-2')
  await page.getByRole('img', { name: /Spectrum of x: 4 of 40 bands/ }).waitFor(kWait)
  await page.getByRole('img', { name: /Score in percent of the threshold: newest 2\d\d %/ }).waitFor(kWait)
  expect(true, 'the charts of a machine say what they show')
  await page.getByText('Explanation').click()
  await page.getByText('outer race', { exact: true }).waitFor(kWait)
  await page.getByRole('button', { name: 'fault', exact: true }).click()
  await page.locator('button[aria-pressed=true]', { hasText: 'fault' }).waitFor(kWait)
  expect(true, 'what an administrator says of an event is kept')
  await measure(page)
  await shot(page, '10-machine')
  for (const [name, words] of [['gearbox-3', 'Learning, 40 % recorded'], ['fan-4', 'same value for 2.0 s'], ['pump-1', 'It runs as it was learned']]) {
    await machine(page, name)
    await page.getByText(words).first().waitFor(kWait)
  }
  expect(true, 'learning, a fault of the sensors and a well machine are told apart')
}

async function alarms(page) {
  await page.goto(url)
  const row = (text) => page.getByTestId('alarm').filter({ hasText: text })
  await row('boiler/temperature').waitFor(kWait)
  await row('Camera lost').waitFor(kWait)
  const told = await row('boiler/temperature').innerText()
  expect(['high', '95.2 °C', '95 °C', 'Unacknowledged'].every((part) => told.includes(part)), 'an alarm of a tag has priority, value, unit, limit and state')
  expect((await page.getByTestId('alarm').first().innerText()).trim().startsWith('critical'), 'the highest priority comes first')
  expect((await row('feed/pressure').innerText()).includes('Returned'), 'one that returned to normal is told until somebody has seen it')
  await shot(page, '11-alarms')
  await page.getByRole('button', { name: 'Acknowledge boiler/temperature' }).click()
  await row('boiler/temperature').getByText('Acknowledged, admin').waitFor(kWait)
  await page.getByRole('button', { name: 'Acknowledge feed/pressure' }).click()
  await row('feed/pressure').waitFor({ state: 'detached', ...kWait })
  expect(true, 'an administrator acknowledges alarms')
  await row('motor-2').getByRole('link').click()
  await page.getByRole('heading', { name: 'motor-2', level: 1 }).waitFor(kWait)
  expect((await page.locator('.state.alarm').count()) > 0, 'a machine in alarm is told as its event is')
}

async function station(page, name) {
  await page.goto(`${url}stations/filling/${name}`)
  await page.getByRole('heading', { name: 'Last rejects' }).waitFor(kWait)
  await page.getByText('Median').waitFor(kWait)
  await page.getByTestId('waiting-urgent').waitFor(kWait)
  await page.waitForTimeout(1500)
}

async function keyboard(page) {
  await page.goto(url)
  await page.getByRole('heading', { name: 'Stations' }).waitFor(kWait)
  await page.getByTestId('items').first().waitFor(kWait)
  await page.keyboard.press('Tab')
  expect((await page.evaluate(() => document.activeElement.textContent)) === 'Skip to the content', 'the first Tab skips to the content')
  const card = page.locator('.cards').getByRole('link', { name: /line-1/ })
  await card.focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'line-1', level: 1 }).waitFor(kWait)
  expect(true, 'Enter opens a station')
}

async function measure(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(wide <= 0, `nothing is wider than the screen (${page.viewportSize().width} px)`)
}

const browser = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking'],
  viewport: { width: 1360, height: 900 },
  colorScheme: 'light',
  ignoreHTTPSErrors: true,
})
try {
  const page = browser.pages()[0] ?? (await browser.newPage())
  listen(page)
  await signIn(page)
  await overview(page)
  await station(page, 'line-1')
  const item = page.getByTestId('items')
  const before = await number(item)
  await page.waitForTimeout(2500)
  expect((await number(item)) > before, 'counts move on the station page')
  await page.locator('img').first().waitFor(kWait)
  const loaded = await page.locator('img').evaluateAll((images) => images.filter((i) => i.complete && i.naturalWidth > 0).length)
  expect(loaded > 0, `${loaded} shared pictures are shown`)
  await measure(page)
  await shot(page, '3-station')
  await station(page, 'line-2')
  await page.getByText('Pictures stay on site').waitFor(kWait)
  expect(true, 'a site that shares nothing is said to share nothing')
  await shot(page, '4-station-trouble')
  await station(page, 'line-3')
  await page.getByText('not ejected').first().waitFor(kWait)
  await page.getByText('late').first().waitFor(kWait)
  expect(true, 'rejects that were not ejected and verdicts that were late are told')
  expect(await page.getByText(/ms · not ejected/).count() > 0, 'words stand apart')
  await shot(page, '9-station-not-ejected')
  await machines(page)
  await alarms(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.waitForTimeout(500)
  expect((await page.evaluate(() => getComputedStyle(document.body).backgroundColor)) !== 'rgb(242, 243, 245)', 'dark follows the system')
  await station(page, 'line-1')
  await shot(page, '5-station-dark')
  await station(page, 'line-3')
  await shot(page, '9-station-not-ejected-dark')
  await page.goto(url)
  await page.getByText('Camera lost').first().waitFor(kWait)
  await page.waitForTimeout(1000)
  await shot(page, '6-overview-dark')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 390, height: 844 })
  await page.waitForTimeout(500)
  await measure(page)
  await shot(page, '7-overview-phone')
  await station(page, 'line-1')
  await measure(page)
  const top = (name) => page.getByRole('heading', { name }).evaluate((node) => node.getBoundingClientRect().top)
  expect((await top('Events')) < (await top('Last rejects')), 'on a phone events come before the pictures')
  await shot(page, '8-station-phone')
  await station(page, 'line-3')
  await measure(page)
  await shot(page, '9-station-not-ejected-phone')
  await machine(page, 'motor-2')
  await measure(page)
  await shot(page, '10-machine-phone')
  await page.setViewportSize({ width: 1360, height: 900 })
  await keyboard(page)
  expect(complaints.length === 0, `no complaint in the browser's console${complaints.length ? ': ' + complaints.join(' | ') : ''}`)
} catch (error) {
  console.error(`FAILED: ${error.message}`)
  if (complaints.length) console.error(`console: ${complaints.join(' | ')}`)
  await shot(browser.pages()[0], 'failed').catch(() => {})
  process.exitCode = 1
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}
