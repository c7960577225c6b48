/** What a piece of text is, for whoever colours it. */
export type Role = 'heading' | 'name' | 'type' | 'quiet' | 'good' | 'warning' | 'bad' | 'option';

/** How each role looks; the text keeps its visible width. */
export type Paint = { readonly [role in Role]: (text: string) => string };

export interface RenderOptions {
  /** Columns of the terminal; long sources and options are cut in the middle to fit. Nothing is cut when absent. */
  readonly width?: number | undefined;
  readonly paint?: Paint | undefined;
}

const plain = (text: string): string => text;

export const NO_PAINT: Paint = {
  heading: plain,
  name: plain,
  type: plain,
  quiet: plain,
  good: plain,
  warning: plain,
  bad: plain,
  option: plain,
};
