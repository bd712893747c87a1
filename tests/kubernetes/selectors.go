// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// selection is one question: a selector in one of its forms, and labels.
type selection struct {
	Form     string            `json:"form"`
	Selector json.RawMessage   `json:"selector"`
	Labels   map[string]string `json:"labels"`
}

const invalid = "invalid"

func selects(asked *selection) (string, error) {
	selector, err := selectorOf(asked)
	if err != nil {
		return "", err
	}
	switch {
	case selector == nil:
		return invalid, nil
	case selector.Matches(labels.Set(asked.Labels)):
		return "matches", nil
	}
	return "does-not-match", nil
}

// selectorOf is nil for a selector that has to be rejected.
func selectorOf(asked *selection) (labels.Selector, error) {
	absent := len(asked.Selector) == 0 || string(asked.Selector) == "null"
	switch asked.Form {
	case "service":
		var pairs map[string]string
		if !absent {
			if err := json.Unmarshal(asked.Selector, &pairs); err != nil {
				return nil, err
			}
		}
		return ofService(pairs), nil
	case "label-selector":
		var selector *metav1.LabelSelector
		if !absent {
			if err := json.Unmarshal(asked.Selector, &selector); err != nil {
				return nil, err
			}
		}
		return ofLabelSelector(selector), nil
	case "string":
		var text string
		if !absent {
			if err := json.Unmarshal(asked.Selector, &text); err != nil {
				return nil, err
			}
		}
		selector, err := labels.Parse(text)
		if err != nil {
			return nil, nil
		}
		return selector, nil
	}
	return nil, fmt.Errorf("unknown form %q", asked.Form)
}

// ofService is what the controllers make of a Service's selector: one that is
// empty does not survive the API, and without one they do nothing.
func ofService(pairs map[string]string) labels.Selector {
	if len(pairs) == 0 {
		return labels.Nothing()
	}
	// The API server validates what the controllers then take as it is.
	if len(metav1validation.ValidateLabels(pairs, field.NewPath("spec", "selector"))) != 0 {
		return nil
	}
	return labels.Set(pairs).AsSelectorPreValidated()
}

// ofLabelSelector is what the API server and the controllers make of the object
// form: it has to be valid, and absence selects nothing.
func ofLabelSelector(selector *metav1.LabelSelector) labels.Selector {
	options := metav1validation.LabelSelectorValidationOptions{}
	if selector != nil && len(metav1validation.ValidateLabelSelector(selector, options, nil)) != 0 {
		return nil
	}
	made, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil
	}
	return made
}
