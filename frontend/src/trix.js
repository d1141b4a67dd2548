// The rich text editor, fetched when a composer first needs it: import('../trix.js').
// Trix reads <meta name="csp-nonce"> before it adds its style element.
import 'trix';
