// The cluster's nodes, one a line, for the agent: a hundredth of kubectl, and with nothing but Go's own library.
//
//	nodes list     NAME|RANGE|ADDRESS
//	nodes watch    EVENT|NAME|RANGE|ADDRESS, first of every node there is, until the API server ends it
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

type node struct {
	Metadata struct{ Name string }
	Spec     struct{ PodCIDR string }
	Status   struct {
		Addresses []struct{ Type, Address string }
	}
}

func (n node) String() string {
	address := ""
	for _, one := range n.Status.Addresses {
		if one.Type == "InternalIP" && address == "" {
			address = one.Address
		}
	}
	return strings.Join([]string{n.Metadata.Name, n.Spec.PodCIDR, address}, "|")
}

func main() {
	var err error
	switch strings.Join(os.Args[1:], " ") {
	case "list":
		err = list()
	case "watch":
		err = watch()
	default:
		err = errors.New("list or watch")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nodes:", err)
		os.Exit(1)
	}
}

func list() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	body, err := ask(ctx, "")
	if err != nil {
		return err
	}
	defer body.Close()
	var found struct{ Items []node }
	if err := json.NewDecoder(body).Decode(&found); err != nil {
		return err
	}
	for _, one := range found.Items {
		fmt.Println(one)
	}
	return nil
}

func watch() error {
	// a little longer than the API server is asked to go on: a link that broke must not keep us for ever
	ctx, cancel := context.WithTimeout(context.Background(), 31*time.Minute)
	defer cancel()
	body, err := ask(ctx, "?watch=true&timeoutSeconds=1800")
	if err != nil {
		return err
	}
	defer body.Close()
	events := json.NewDecoder(bufio.NewReader(body))
	for {
		var event struct {
			Type   string
			Object node
		}
		if err := events.Decode(&event); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if event.Type == "ERROR" {
			return errors.New("the API server ended the watch")
		}
		fmt.Printf("%s|%s\n", event.Type, event.Object)
	}
}

// ask sends one request as the pod's own account.
func ask(ctx context.Context, query string) (io.ReadCloser, error) {
	account := or(os.Getenv("ACCOUNT"), "/var/run/secrets/kubernetes.io/serviceaccount")
	authority, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(account, "token"))
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(authority) {
		return nil, errors.New("ca.crt holds no certificate")
	}
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 10 * time.Second}).DialContext,
		ResponseHeaderTimeout: 10 * time.Second,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server()+"/api/v1/nodes"+query, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("the API server says %s", answer.Status)
	}
	return answer.Body, nil
}

// server is the API server's own address out of kube-proxy's settings: the Service's works only after kube-proxy does.
func server() string {
	settings, err := os.ReadFile(filepath.Join(or(os.Getenv("PROXY"), "/var/lib/kube-proxy"), "kubeconfig.conf"))
	if err == nil {
		if found := regexp.MustCompile(`(?m)^ *server: *"?(https://[^"\s]+)`).FindSubmatch(settings); found != nil {
			return string(found[1])
		}
	}
	return "https://" + net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
