// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>The fields an object can have, and those it can have elsewhere but Weir does not enforce.</summary>
/// <param name="Object">For messages: "a rule", "an ingress entry".</param>
/// <param name="Known">Fields that are read.</param>
/// <param name="NotEnforced">Fields that are known and refused.</param>
/// <param name="Tolerated">Fields that do not belong there and are taken all the same; null: none.</param>
internal sealed record FieldSet(string Object, IReadOnlyList<string> Known, IReadOnlyList<string> NotEnforced, IReadOnlyList<string>? Tolerated = null);
