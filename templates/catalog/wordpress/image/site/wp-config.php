<?php
// All that differs between sites comes from the environment, all that is secret from files.
function site_secret(string $name): string {
	$value = @file_get_contents("/secrets/$name");
	if ($value === false || $value === '') {
		http_response_code(503);
		exit("The secret $name is missing.");
	}
	return trim($value);
}

define('DB_NAME', site_secret('database/database'));
define('DB_USER', site_secret('database/username'));
define('DB_PASSWORD', site_secret('database/password'));
define('DB_HOST', getenv('DATABASE_HOST'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

foreach (array('AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE') as $purpose) {
	define("{$purpose}_KEY", hash_hmac('sha256', "$purpose key", site_secret('site/salt')));
	define("{$purpose}_SALT", hash_hmac('sha256', "$purpose salt", site_secret('site/salt')));
}

// The address that a browser asked for counts, unless the site names one.
$https = ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https';
if ($https) {
	$_SERVER['HTTPS'] = 'on';
}
$asked = preg_match('/^[A-Za-z0-9.:-]+$/', $_SERVER['HTTP_HOST'] ?? '') ? $_SERVER['HTTP_HOST'] : 'localhost';
$url = getenv('SITE_URL') ?: ($https ? 'https' : 'http') . "://$asked";
define('WP_HOME', $url);
define('WP_SITEURL', $url);

// Programs and plug-ins come with the image: nothing is changed on site, nor asked of servers elsewhere.
define('DISALLOW_FILE_MODS', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true); // a CronJob asks wp-cron.php
define('WP_CACHE_KEY_SALT', DB_NAME);

if (!defined('ABSPATH')) {
	define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
