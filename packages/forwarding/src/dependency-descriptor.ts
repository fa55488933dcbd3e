/**
 * True when a dependency descriptor (AV1 RTP specification, appendix A) begins a frame and brings the template
 * structure along, which only key frames do. Tells key frames of end-to-end encrypted media too.
 */
export function descriptorStartsKeyFrame(bytes: Uint8Array, offset: number, length: number): boolean {
  // start_of_frame is the first bit; with more than three bytes template_dependency_structure_present_flag
  // is the first bit of the fourth.
  return offset >= 0 && length > 3 && bytes[offset]! >= 128 && bytes[offset + 3]! >= 128;
}
