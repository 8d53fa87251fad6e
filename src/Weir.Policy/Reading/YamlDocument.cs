// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>One document of a text: its root, its own part of the text, and the line where that part begins.</summary>
internal sealed record YamlDocument(Node Root, string Text, int FirstLine);
