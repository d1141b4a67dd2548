// htmx for fragments, idiomorph (hx-swap="morph") so that a refresh keeps focus, selection and scroll.
// The page's policy forbids eval and inline styles: both are off here too.
import htmx from 'htmx.org';
import 'idiomorph/htmx';

htmx.config.allowEval = false;
htmx.config.allowScriptTags = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0; // tickets are not to be left in the browser's storage
window.htmx = htmx;
