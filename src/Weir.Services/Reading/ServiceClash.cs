// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services.Reading;

/// <summary>A service has what an earlier one has already.</summary>
/// <param name="Service">The later one's place in the list.</param>
/// <param name="Field">Its name, or its frontends.</param>
/// <param name="Index">Which frontend.</param>
/// <param name="Message">Names both.</param>
internal readonly record struct ServiceClash(int Service, ServiceField Field, int Index, string Message);
