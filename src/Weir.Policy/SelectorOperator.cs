// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>How a requirement compares.</summary>
public enum SelectorOperator
{
    /// <summary>The label is there with one of the values.</summary>
    In,

    /// <summary>The label is missing, or has none of the values.</summary>
    NotIn,

    /// <summary>The label is there.</summary>
    Exists,

    /// <summary>The label is missing.</summary>
    DoesNotExist,
}
