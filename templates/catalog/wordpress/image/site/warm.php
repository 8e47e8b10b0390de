<?php
// The kubelet asks for this before readers come: the front page of each host that was asked for of late is made, so that
// PHP is compiled and nginx has the pages. Fails until the site is installed.
require __DIR__ . '/wp-load.php';
$hosts = array_keys(wp_cache_get('recent', 'site-hosts') ?: array());
foreach ($hosts ?: array('localhost') as $host) {
	$headers = "Host: $host\r\nX-Forwarded-Proto: http\r\n";
	$options = array('http' => array('header' => $headers, 'timeout' => 20, 'follow_location' => 0));
	if (@file_get_contents('http://127.0.0.1:8080/', false, stream_context_create($options)) === false) {
		http_response_code(503);
		exit("no page for a host\n");
	}
}
header('Content-Type: text/plain');
header('Cache-Control: no-store');
echo 'warm: ' . count($hosts) . " hosts\n";
