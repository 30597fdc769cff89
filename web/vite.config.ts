import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [svelte()],
  // The content policy allows no inline scripts, styles or fonts from data: addresses.
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  // `npx vite` beside a running lineside-hub: the page with hot reload.
  // The host stays as it was asked for: the hub compares it with the page's origin.
  server: {
    proxy: {
      '/api': { target: 'http://127.0.0.1:8780', changeOrigin: false },
      '/ws': { target: 'ws://127.0.0.1:8780', ws: true, changeOrigin: false },
    },
  },
})
