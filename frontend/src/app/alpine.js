// Alpine's CSP build: x-data names a component registered with Alpine.data() before the page is parsed to its end.
import Alpine from '@alpinejs/csp';

window.Alpine = Alpine;
document.addEventListener('DOMContentLoaded', () => Alpine.start());
