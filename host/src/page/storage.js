// Browser storage that may not be there: private windows, blocked site data and full
// quotas throw on access. The page then works the same and forgets on reload.

export function load(area, key, fallback) {
  try {
    return JSON.parse(window[area].getItem(`hookcast.${key}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function save(area, key, value) {
  try {
    window[area].setItem(`hookcast.${key}`, JSON.stringify(value));
  } catch {
    // Forgetting is all that is left to do.
  }
}

// Not crypto.randomUUID: that is missing on plain http, which is how a phone on the
// same network reaches a development server.
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
