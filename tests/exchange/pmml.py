#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small evaluator of PMML, written from the PMML 4.4 specification and from nothing of penstock.

    predict(path, rows)      rows: dicts of column -> number, text or None; gives dicts of output field -> value

It knows derived fields (FieldRef, Constant, Apply, MapValues, NormDiscrete, Discretize), RegressionModel, TreeModel,
NeuralNetwork, MiningModel (sum, modelChain) and Output. A missing value is None. What it does not know is an error,
never ignored.
"""
import math
import struct
import xml.etree.ElementTree as ElementTree

NAMESPACE = "{http://www.dmg.org/PMML-4_4}"


def tag(element):
    return element.tag.replace(NAMESPACE, "")


def apply_function(name, values):
    if name == "isMissing":
        return values[0] is None
    if name == "isNotMissing":
        return values[0] is not None
    if name == "and":
        return all(values)
    if name == "if":
        return values[1] if values[0] else values[2] if len(values) > 2 else None
    if name == "or":
        return any(v for v in values)
    if name == "equal":
        return None if None in values else values[0] == values[1]
    if None in values:
        return None
    known = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
             "exp": math.exp, "pow": lambda a, b: a ** b, "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos,
             "abs": abs, "max": max, "floor": math.floor}
    return known[name](*values)


def map_values(element, fields):
    pairs = element.findall(NAMESPACE + "FieldColumnPair")
    assert len(pairs) == 1
    value = fields[pairs[0].get("field")]
    kind = float if element.get("dataType") == "double" else int
    result = element.get("mapMissingTo") if value is None else element.get("defaultValue")
    if value is not None:
        for row in element.find(NAMESPACE + "InlineTable"):
            cells = {tag(cell): cell.text or "" for cell in row}
            key = cells[pairs[0].get("column")]
            if (float(key) == value) if isinstance(value, (int, float)) else key == value:
                result = cells[element.get("outputColumn")]
                break
    return None if result is None else kind(result)


def discretize(element, fields):
    value = fields[element.get("field")]
    if value is None:
        result = element.get("mapMissingTo")
        return None if result is None else int(result)
    for part in element:
        interval = part.find(NAMESPACE + "Interval")
        left, right = interval.get("leftMargin"), interval.get("rightMargin")
        closure = interval.get("closure")
        assert closure in ("closedOpen", "closedClosed")
        above = left is None or value >= float(left)
        below = right is None or (value <= float(right) if closure == "closedClosed" else value < float(right))
        if above and below:
            return int(part.get("binValue"))
    result = element.get("defaultValue")
    return None if result is None else int(result)


def evaluate(element, fields):
    kind = tag(element)
    if kind == "FieldRef":
        return fields[element.get("field")]
    if kind == "Constant":
        return float(element.text)
    if kind == "Apply":
        return apply_function(element.get("function"), [evaluate(child, fields) for child in element])
    if kind == "MapValues":
        return map_values(element, fields)
    if kind == "NormDiscrete":
        value = fields[element.get("field")]
        return None if value is None else 1.0 if str(value) == element.get("value") else 0.0
    if kind == "Discretize":
        return discretize(element, fields)
    raise ValueError("unknown element " + kind)


def table_sum(table, fields):
    total = float(table.get("intercept"))
    for predictor in table:
        assert tag(predictor) == "NumericPredictor" and predictor.get("exponent", "1") == "1"
        value = fields[predictor.get("name")]
        if value is None:
            return None
        total += float(predictor.get("coefficient")) * value
    return total


def normalize(method, total):
    if method == "none":
        return total
    if method == "exp":
        return math.exp(total)
    if method == "logit":
        return 1 / (1 + math.exp(-total))
    if method == "probit":
        return 0.5 * math.erfc(-total / math.sqrt(2))
    if method == "cloglog":
        return 1 - math.exp(-math.exp(total))
    raise ValueError("unknown normalizationMethod " + method)


def probabilities(model, sums):
    method = model.get("normalizationMethod")
    if method == "softmax":
        weights = [math.exp(s - max(sums)) for s in sums]
        return [w / sum(weights) for w in weights]
    assert len(sums) == 2 # the first by its link, the last is what is left
    first = normalize(method, sums[0])
    return [first, 1 - first]


def holds(predicate, fields):
    """True, False, or None: unknown, for a field is missing."""
    kind = tag(predicate)
    if kind == "True":
        return True
    if kind == "CompoundPredicate":
        assert predicate.get("booleanOperator") == "and"
        parts = [holds(part, fields) for part in predicate]
        return False if False in parts else None if None in parts else True
    assert kind == "SimplePredicate"
    value = fields[predicate.get("field")]
    if value is None:
        return None
    limit = float(predicate.get("value"))
    return {"lessThan": value < limit, "greaterOrEqual": value >= limit, "equal": value == limit}[predicate.get("operator")]


def tree_score(tree, fields):
    """missingValueStrategy none: a predicate that is unknown is false."""
    assert tree.get("missingValueStrategy", "none") == "none"
    node = tree.find(NAMESPACE + "Node")
    assert holds(node[0], fields)
    while node.find(NAMESPACE + "Node") is not None:
        node = next(child for child in node.findall(NAMESPACE + "Node") if holds(child[0], fields))
    return float(node.get("score"))


def chain(model, fields):
    """The (regression, chances) of a MiningModel."""
    method = model.find(NAMESPACE + "Segmentation").get("multipleModelMethod")
    segments = [segment[1] for segment in model.find(NAMESPACE + "Segmentation")]
    if method == "sum":
        return sum(tree_score(tree, fields) for tree in segments), {}
    assert method == "modelChain"
    for segment in segments[:-1]:
        fields.update(outputs_of(segment, fields))
    return outcome_of(segments[-1], fields)


def network(model, fields):
    values = {}
    for neuron in model.find(NAMESPACE + "NeuralInputs"):
        values[neuron.get("id")] = evaluate(neuron[0][0], fields)
    if None in values.values():
        return None, {}
    functions = {"identity": lambda x: x, "rectifier": lambda x: max(x, 0.0), "tanh": math.tanh,
                 "logistic": lambda x: 1 / (1 + math.exp(-x))}
    for layer in model.findall(NAMESPACE + "NeuralLayer"):
        function = functions[layer.get("activationFunction", model.get("activationFunction"))]
        neurons = layer.findall(NAMESPACE + "Neuron")
        assert len(neurons) == int(layer.get("numberOfNeurons"))
        sums = [function(float(neuron.get("bias")) + sum(float(con.get("weight")) * values[con.get("from")] for con in neuron))
                for neuron in neurons]
        if layer.get("normalizationMethod") == "softmax":
            weights = [math.exp(s - max(sums)) for s in sums]
            sums = [w / sum(weights) for w in weights]
        values.update(zip([neuron.get("id") for neuron in neurons], sums))
    outputs = {output[0][0].get("value"): values[output.get("outputNeuron")] for output in model.find(NAMESPACE + "NeuralOutputs")}
    if model.get("functionName") == "classification":
        return max(outputs, key=outputs.get), outputs
    return outputs[None], {}


def regression(model, fields):
    tables = model.findall(NAMESPACE + "RegressionTable")
    sums = [table_sum(table, fields) for table in tables]
    is_missing = None in sums
    chances = {}
    if model.get("functionName") == "classification":
        if not is_missing:
            chances = dict(zip([t.get("targetCategory") for t in tables], probabilities(model, sums)))
        value = None if is_missing else max(chances, key=chances.get)
    else:
        value = None if is_missing else normalize(model.get("normalizationMethod"), sums[0])
    return value, chances


def outcome_of(model, fields):
    return {"RegressionModel": regression, "MiningModel": chain, "NeuralNetwork": network}[tag(model)](model, fields)


def outputs_of(model, fields):
    value, chances = outcome_of(model, fields)
    result = {}
    for output in model.find(NAMESPACE + "Output"):
        feature = output.get("feature")
        if feature == "predictedValue":
            answer = value
        elif feature == "probability":
            answer = chances.get(output.get("value"))
        elif feature == "transformedValue":
            answer = evaluate(output[0], {**fields, **result})
        else:
            raise ValueError("unknown feature " + feature)
        result[output.get("name")] = answer
    return result


def predict_row(model, derived, row):
    fields = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
    for name, element, kind in derived:
        value = evaluate(element, fields)
        fields[name] = struct.unpack("f", struct.pack("f", value))[0] if kind == "float" and value is not None else value
    return outputs_of(model, fields)


def predict(path, rows):
    root = ElementTree.parse(path).getroot()
    assert root.get("version") == "4.4"
    model = next(child for child in root if tag(child) in ("RegressionModel", "MiningModel", "NeuralNetwork"))
    derived = [(field.get("name"), field[0], field.get("dataType")) for field in root.find(NAMESPACE + "TransformationDictionary")]
    names = [field.get("name") for field in root.find(NAMESPACE + "DataDictionary")]
    assert len(set(names + [name for name, _, _ in derived])) == len(names) + len(derived), "a name is there twice"
    return [predict_row(model, derived, row) for row in rows]
