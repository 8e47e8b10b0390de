<?php
// Several pods without a volume that all of them share would each have other files: then nothing can be uploaded.
if (getenv('SITE_UPLOADS') !== 'shared') {
	add_filter('user_has_cap', function (array $can): array {
		unset($can['upload_files']);
		return $can;
	});
}
