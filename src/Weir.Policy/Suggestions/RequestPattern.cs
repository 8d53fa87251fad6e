// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Suggestions;

/// <summary>Method and path of an item of an http list, as patterns.</summary>
internal sealed record RequestPattern(string Method, string Path);
