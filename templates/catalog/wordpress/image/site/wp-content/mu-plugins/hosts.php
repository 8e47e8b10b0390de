<?php
// Notes in the object cache by which hosts readers ask, so that a new pod can make their pages first: see warm.php.
add_action('template_redirect', function (): void {
	$host = $_SERVER['HTTP_HOST'] ?? '';
	$hosts = wp_cache_get('recent', 'site-hosts') ?: array();
	if ($host === '' || ($hosts[$host] ?? 0) > time() - 30) {
		return;
	}
	$hosts[$host] = time();
	arsort($hosts);
	wp_cache_set('recent', array_slice($hosts, 0, 16, true), 'site-hosts', 300);
});
