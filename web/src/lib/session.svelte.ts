// Who is signed in, and the page's own choices kept in the browser.
import { api, type Me, Problem, whenSignedOut } from './api'
import { live } from './live.svelte'

class Session {
  me = $state<Me | null>(null)
  ready = $state(false)
  trouble = $state('')

  async load() {
    whenSignedOut(() => {
      if (this.me) this.trouble = 'The session has ended. Sign in again.'
      this.#forget()
    })
    try {
      this.#start(await api.me())
    } catch (error) {
      this.trouble = error instanceof Problem && error.status !== 401 ? error.message : ''
    }
    this.ready = true
  }
  async signIn(tenant: string, user: string, password: string) {
    this.#start(await api.signIn(tenant, user, password))
  }
  async signOut() {
    await api.signOut().catch(() => {})
    this.trouble = ''
    this.#forget()
  }
  #start(me: Me) {
    this.me = me
    this.trouble = ''
    live.start()
  }
  #forget() {
    this.me = null
    live.stop()
  }
}
export const session = new Session()

export type Theme = 'auto' | 'light' | 'dark'
const dark = matchMedia('(prefers-color-scheme: dark)')

class Appearance {
  theme = $state<Theme>((localStorage.getItem('theme') as Theme | null) ?? 'auto')
  systemDark = $state(dark.matches)
  get shown() {
    return this.theme === 'auto' ? (this.systemDark ? 'dark' : 'light') : this.theme
  }
  constructor() {
    dark.addEventListener('change', () => {
      this.systemDark = dark.matches
      this.apply()
    })
    this.apply()
  }
  set(theme: Theme) {
    this.theme = theme
    localStorage.setItem('theme', theme)
    this.apply()
  }
  apply() {
    document.documentElement.dataset.theme = this.shown
  }
}
export const appearance = new Appearance()
