<?php
// Installs the site into its database, or brings the database to this version of WordPress. May run many times.
$_SERVER['HTTP_HOST'] = parse_url(getenv('SITE_URL') ?: 'http://localhost', PHP_URL_HOST);
define('WP_INSTALLING', true);
// Several seconds may pass until the database is up.
mysqli_report(MYSQLI_REPORT_OFF);
for ($left = 150; $left > 0; $left--) {
	$tried = mysqli_init();
	$there = @mysqli_real_connect(
		$tried,
		getenv('DATABASE_HOST'),
		trim(file_get_contents('/secrets/database/username')),
		trim(file_get_contents('/secrets/database/password')),
		trim(file_get_contents('/secrets/database/database'))
	);
	if ($there) {
		mysqli_close($tried);
		break;
	}
	sleep(2);
}
require '/usr/share/wordpress/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
if (is_blog_installed()) {
	wp_upgrade();
	echo 'database version ' . get_option('db_version') . "\n";
} else {
	$password = trim(file_get_contents('/secrets/site/password'));
	$mail = getenv('SITE_MAIL') ?: 'admin@localhost.localdomain';
	wp_install(getenv('SITE_TITLE') ?: 'A site', 'admin', $mail, true, '', $password);
	echo "installed; the account is admin\n";
}
