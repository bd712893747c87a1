// SPDX-License-Identifier: Apache-2.0

// Command watcher watches an API as kube-proxy does, with client-go's informers, and
// prints one line of JSON for each call of a handler. It takes the path of a kubeconfig.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// said is a call of a handler, or an answer to something else that was asked.
type said struct {
	Kind    string `json:"kind"`
	What    string `json:"what"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

var printing sync.Mutex

func say(line said) {
	printing.Lock()
	defer printing.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		os.Exit(1)
	}
}

// handler prints what an informer tells of objects of a kind.
func handler(kind string) cache.ResourceEventHandler {
	tell := func(what string, object any) {
		if last, isUnknown := object.(cache.DeletedFinalStateUnknown); isUnknown {
			object = last.Obj
		}
		meta := object.(metav1.Object)
		say(said{kind, what, meta.GetName(), meta.GetResourceVersion()})
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { tell("added", object) },
		UpdateFunc: func(_, object any) { tell("updated", object) },
		DeleteFunc: func(object any) { tell("deleted", object) },
	}
}

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// The selectors of kube-proxy.
	factory := func(labels, fields string) informers.SharedInformerFactory {
		return informers.NewSharedInformerFactoryWithOptions(client, 0,
			informers.WithTweakListOptions(func(options *metav1.ListOptions) {
				options.LabelSelector, options.FieldSelector = labels, fields
			}))
	}
	services := factory("!service.kubernetes.io/service-proxy-name", "spec.clusterIP!=None")
	slices := factory("!service.kubernetes.io/headless", "")
	nodes := factory("", "metadata.name=n1")
	all := factory("", "")
	for kind, informer := range map[string]cache.SharedIndexInformer{
		"Service":       services.Core().V1().Services().Informer(),
		"EndpointSlice": slices.Discovery().V1().EndpointSlices().Informer(),
		"Node":          nodes.Core().V1().Nodes().Informer(),
		"ServiceCIDR":   all.Networking().V1().ServiceCIDRs().Informer(),
	} {
		if _, err := informer.AddEventHandler(handler(kind)); err != nil {
			return err
		}
	}
	for _, each := range []informers.SharedInformerFactory{services, slices, nodes, all} {
		each.Start(ctx.Done())
		each.WaitForCacheSync(ctx.Done())
	}
	if err := ask(ctx, client); err != nil {
		return err
	}
	say(said{Kind: "Watcher", What: "synced"})
	// The end of the input is the end of the program.
	_, err = os.Stdin.Read(make([]byte, 1))
	return err
}

// ask makes the other requests of such programs: single objects, pages, discovery and writes.
func ask(ctx context.Context, client kubernetes.Interface) error {
	node, err := client.CoreV1().Nodes().Get(ctx, "n1", metav1.GetOptions{})
	if err != nil {
		return err
	}
	patch := []byte(`{"metadata":{"annotations":{"a":"b"}}}`)
	nodes := client.CoreV1().Nodes()
	if _, err = nodes.Patch(ctx, "n1", types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		return err
	}
	event := &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{GenerateName: "e"}, Reason: "Starting"}
	if _, err = client.EventsV1().Events("default").Create(ctx, event, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err = client.Discovery().ServerVersion(); err != nil {
		return err
	}
	groups, _, err := client.Discovery().ServerGroupsAndResources()
	if err != nil {
		return err
	}
	var found []v1.Service
	options := metav1.ListOptions{Limit: 2}
	for {
		page, err := client.CoreV1().Services("").List(ctx, options)
		if err != nil {
			return err
		}
		found = append(found, page.Items...)
		if options.Continue = page.Continue; options.Continue == "" {
			break
		}
	}
	_, err = client.CoreV1().Services("default").Get(ctx, "none", metav1.GetOptions{})
	say(said{Kind: "Watcher", What: "asked", Name: fmt.Sprintf(
		"%s, %d groups, %d services, %v", node.Name, len(groups), len(found), err)})
	return nil
}
