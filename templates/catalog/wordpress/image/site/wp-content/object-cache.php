<?php
// WordPress' object cache in Redis. Where Redis does not answer, the page is made without it.

final class Site_Object_Cache {
	private array $local = array();
	private array $shared = array();
	private array $kept_here = array('counts' => true, 'plugins' => true);
	private ?Redis $redis = null;
	private int $longest = 300; // seconds: what a failover lost is not shown for longer
	public int $blog_id = 0;

	public function __construct() {
		$host = getenv('REDIS_HOST');
		if (!$host || !class_exists('Redis')) {
			return;
		}
		try {
			$redis = new Redis();
			$redis->connect($host, (int) (getenv('REDIS_CACHE_PORT') ?: 6379), 0.5);
			$redis->setOption(Redis::OPT_READ_TIMEOUT, 1);
			$redis->auth(trim((string) @file_get_contents('/secrets/redis/password')));
			$redis->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
			$this->redis = $redis;
		} catch (RedisException $e) {
			$this->redis = null;
		}
	}

	private function name($key, string $group): string {
		return WP_CACHE_KEY_SALT . ':' . ($group ?: 'default') . ':' . $key;
	}

	private function ask(callable $question, $otherwise) {
		if ($this->redis === null) {
			return $otherwise;
		}
		try {
			return $question($this->redis);
		} catch (RedisException $e) {
			$this->redis = null;
			return $otherwise;
		}
	}

	private function is_local(string $group): bool {
		return isset($this->kept_here[$group]);
	}

	public function get($key, string $group, bool $force, &$found) {
		$name = $this->name($key, $group);
		if (!$force && array_key_exists($name, $this->local)) {
			$found = true;
			return is_object($this->local[$name]) ? clone $this->local[$name] : $this->local[$name];
		}
		$found = false;
		if ($this->is_local($group)) {
			return false;
		}
		// in an array of one, since `false` is a value, too
		$held = $this->ask(fn(Redis $r) => $r->get($name), false);
		if (!is_array($held)) {
			return false;
		}
		$found = true;
		$this->local[$name] = $held[0];
		return is_object($held[0]) ? clone $held[0] : $held[0];
	}

	public function set($key, $data, string $group, int $expire): bool {
		$name = $this->name($key, $group);
		$this->local[$name] = is_object($data) ? clone $data : $data;
		if (!$this->is_local($group)) {
			$seconds = $expire > 0 ? min($expire, $this->longest) : $this->longest;
			$this->ask(fn(Redis $r) => $r->setex($name, $seconds, array($data)), false);
		}
		return true;
	}

	public function delete($key, string $group): bool {
		$name = $this->name($key, $group);
		$had = array_key_exists($name, $this->local);
		unset($this->local[$name]);
		return (bool) $this->ask(fn(Redis $r) => $r->del($name), 0) || $had;
	}

	public function flush(): bool {
		$this->local = array();
		$this->ask(fn(Redis $r) => $r->flushDB(), true);
		return true;
	}

	public function flush_local(): bool {
		$this->local = array();
		return true;
	}

	public function keep_here($groups): void {
		foreach ((array) $groups as $group) {
			$this->kept_here[$group] = true;
		}
	}
}

function wp_cache_init() {
	$GLOBALS['wp_object_cache'] = new Site_Object_Cache();
}
function wp_cache_get($key, $group = '', $force = false, &$found = null) {
	return $GLOBALS['wp_object_cache']->get($key, $group, (bool) $force, $found);
}
function wp_cache_set($key, $data, $group = '', $expire = 0) {
	return $GLOBALS['wp_object_cache']->set($key, $data, $group, (int) $expire);
}
function wp_cache_add($key, $data, $group = '', $expire = 0) {
	if (wp_suspend_cache_addition()) {
		return false;
	}
	$found = false;
	wp_cache_get($key, $group, false, $found);
	return !$found && wp_cache_set($key, $data, $group, $expire);
}
function wp_cache_replace($key, $data, $group = '', $expire = 0) {
	$found = false;
	wp_cache_get($key, $group, false, $found);
	return $found && wp_cache_set($key, $data, $group, $expire);
}
function wp_cache_delete($key, $group = '') {
	return $GLOBALS['wp_object_cache']->delete($key, $group);
}
function wp_cache_incr($key, $offset = 1, $group = '') {
	$value = wp_cache_get($key, $group);
	if (!is_numeric($value)) {
		return false;
	}
	wp_cache_set($key, max(0, $value + $offset), $group);
	return max(0, $value + $offset);
}
function wp_cache_decr($key, $offset = 1, $group = '') {
	return wp_cache_incr($key, -$offset, $group);
}
function wp_cache_flush() {
	return $GLOBALS['wp_object_cache']->flush();
}
function wp_cache_flush_runtime() {
	return $GLOBALS['wp_object_cache']->flush_local();
}
function wp_cache_close() {
	return true;
}
function wp_cache_add_global_groups($groups) {
}
function wp_cache_add_non_persistent_groups($groups) {
	$GLOBALS['wp_object_cache']->keep_here($groups);
}
function wp_cache_switch_to_blog($blog_id) {
	$GLOBALS['wp_object_cache']->blog_id = (int) $blog_id;
}
function wp_cache_supports($feature) {
	return $feature === 'flush_runtime';
}
