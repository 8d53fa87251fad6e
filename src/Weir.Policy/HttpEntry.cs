// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Policy;

/// <summary>An item of an entry's http list.</summary>
public sealed record HttpEntry(HttpRule Rule, SourceLocation Location);
