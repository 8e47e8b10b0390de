// flannel with the two backends that a site needs, vxlan and host-gw, and with what its CNI plug-in does for it: the
// configuration of the bridge plug-in for this node's range. Of its other backends one can't be had as a module.
//
//	flanneld          run (needs NODE_NAME, NODE_ADDRESS; BACKEND is vxlan or host-gw)
//	flanneld ready    succeed when this node's pods have a network
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr/iptables"
)

const (
	proxy    = "/var/lib/kube-proxy" // kube-proxy's settings: the API's own address, the range of all pods
	state    = "/run/flannel"
	conflist = "/host/cni/10-flannel.conflist"
	resync   = 5 // seconds between two looks at the rules
)

type object = map[string]any

func main() {
	ready := filepath.Join(state, "ready")
	if len(os.Args) > 1 && os.Args[1] == "ready" {
		// the probe waits a while itself: a node is Ready at once, and none is reported as unhealthy for a second
		for range 35 {
			if _, err := os.Stat(ready); err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Remove(ready)
	if err := run(ctx, ready); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "flanneld:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, ready string) error {
	manager, config, err := settings(ctx)
	if err != nil {
		return err
	}
	stack, err := ipmatch.GetIPFamily(config.EnableIPv4, config.EnableIPv6)
	if err != nil {
		return err
	}
	address := os.Getenv("NODE_ADDRESS")
	device, err := ipmatch.LookupExtIface(address, "", "", stack, ipmatch.PublicIPOpts{PublicIP: address})
	if err != nil {
		return fmt.Errorf("no device has this node's address %s: %w", address, err)
	}
	kind, err := backend.NewManager(ctx, manager, device).GetBackend(config.BackendType)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	network, err := kind.RegisterNetwork(ctx, &group, config)
	if err != nil {
		return err
	}
	if err := rules(ctx, config, network); err != nil {
		return err
	}
	if err := configure(network); err != nil {
		return err
	}
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		return err
	}
	group.Go(func() { network.Run(ctx) })
	err = manager.CompleteLease(ctx, network.Lease(), &group)
	group.Wait()
	return err
}

// settings are kube-proxy's: the range of all pods is said in one place.
func settings(ctx context.Context) (subnet.Manager, *subnet.Config, error) {
	text, err := os.ReadFile(filepath.Join(proxy, "config.conf"))
	if err != nil {
		return nil, nil, err
	}
	found := regexp.MustCompile(`(?m)^clusterCIDR: *"?([0-9./]+)`).FindSubmatch(text)
	if found == nil {
		return nil, nil, errors.New("kube-proxy's settings name no IPv4 range of pods (clusterCIDR)")
	}
	written, err := json.Marshal(object{
		"Network": string(found[1]), "Backend": object{"Type": os.Getenv("BACKEND")},
	})
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(state, "net-conf.json")
	if err := os.WriteFile(path, written, 0o644); err != nil {
		return nil, nil, err
	}
	api := filepath.Join(proxy, "kubeconfig.conf")
	manager, err := kube.NewSubnetManager(ctx, "", api, "flannel.alpha.coreos.com", path, false)
	if err != nil {
		return nil, nil, err
	}
	config, err := manager.GetNetworkConfig(ctx)
	return manager, config, err
}

// rules let packets of pods through, and masquerade those that leave the cluster.
func rules(ctx context.Context, config *subnet.Config, network backend.Network) error {
	traffic := &iptables.IPTablesManager{}
	if err := traffic.Init(ctx); err != nil {
		return err
	}
	var none ip.IP4Net
	var none6 ip.IP6Net
	err := traffic.SetupAndEnsureMasqRules(ctx, config.Network, none, none, config.IPv6Network, none6, none6,
		network.Lease(), resync, false)
	if err != nil {
		return err
	}
	traffic.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, resync)
	return nil
}

// configure tells the nodes' plug-ins this node's range; the runtime must never see half of it.
func configure(network backend.Network) error {
	bridge := object{
		"type": "bridge", "bridge": "cni0", "mtu": network.MTU(), "isDefaultGateway": true, "hairpinMode": true,
		"ipam": object{
			"type": "host-local", "dataDir": "/run/cni/networks",
			"ranges": [][]object{{{"subnet": network.Lease().Subnet.String()}}},
		},
	}
	portmap := object{"type": "portmap", "capabilities": object{"portMappings": true}}
	text, err := json.MarshalIndent(object{
		"cniVersion": "1.0.0", "name": "flannel", "plugins": []object{bridge, portmap},
	}, "", "  ")
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(conflist); err == nil && bytes.Equal(old, text) {
		return nil
	}
	fresh := filepath.Join(filepath.Dir(conflist), ".10-flannel.new")
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, conflist)
}
