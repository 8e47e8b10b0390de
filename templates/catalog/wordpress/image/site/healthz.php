<?php
// 200 when this pod can show the site: the database answers and the site is installed.
define('SHORTINIT', true);
require __DIR__ . '/wp-load.php';
$well = (bool) $wpdb->get_var("SELECT option_value FROM {$wpdb->prefix}options WHERE option_name = 'siteurl'");
http_response_code($well ? 200 : 503);
header('Content-Type: text/plain');
header('Cache-Control: no-store');
echo $well ? "well\n" : "not installed yet\n";
